; Real mode, and the ways into it and out of it; unreal mode (SDM vol. 3, 9.9, 20.1). Handlers are found in the vector table at 0.
; QEMU 7.2: no limits are checked, so that nothing faults at 64 KB.
%include "ring0.inc"

cases
show S_CS | S_SP
        case "in and out"               ;= ok cs=FFFF sp=0000:00007000
                real
        case "INT n"                    ;= int31 after cs=FFFF sp=0000:00007000
                real
        op      int 0x31
        case "#DE"                      ;= #DE at cs=FFFF sp=0000:00007000
                real
        op      aam 0
        case "#UD"                      ;= #UD at cs=FFFF sp=0000:00007000
                real
        op      ud2
        case "#BR"                      ;= #BR at cs=FFFF sp=0000:00007000
                real
                xor ax, ax
                mov bx, 0x5000
                mov word [bx], 5
                mov word [bx + 2], 6
        op      bound ax, [bx]
        case "INTO"                     ;= #OF after cs=FFFF sp=0000:00007000
                real
                mov al, 0x7F
                inc al
        op      into
        case "a word at FFFF is #GP, without an error code"     ;= #GP(0000) at cs=FFFF sp=0000:00007000
                real
                mov bx, 0xFFFF
        op      mov ax, [bx]
        case "a word at FFFF of SS is #SS"      ;= #SS(0000) at cs=FFFF sp=0000:00007000
                real
                mov bp, 0xFFFF
        op      mov ax, [bp]
        case "a doubleword at FFFD"     ;= #GP(0000) at cs=FFFF sp=0000:00007000
                real
                mov bx, 0xFFFD
        op      mov eax, [bx]
        case "a byte at 10000h"         ;= #GP(0000) at cs=FFFF sp=0000:00007000
                real
                mov ebx, 0x10000
        op      mov al, [ebx]
        case "addresses of 16 bits go around"   ;= ok cs=FFFF sp=0000:00007000
                real
                mov bx, 0xFFFF
        op      mov al, [bx + 0x5001]
        case "PUSH at 0 goes around"    ;= ok cs=FFFF sp=0000:0000FFFE
                real
                xor sp, sp
        op      push ax
        case "a jump beyond FFFF"       ;= #GP(0000) at cs=FFFF sp=0000:00007000
                real
        op      jmp dword $ + 0x10000
        case "a far jump beyond FFFF"   ;= #GP(0000) at cs=FFFF sp=0000:00007000
                real
        op      jmp dword HMA:0x10000
        case "LLDT"                     ;= #UD at cs=FFFF sp=0000:00007000
                real
        op      lldt ax
        case "LTR"                      ;= #UD at cs=FFFF sp=0000:00007000
                real
        op      ltr ax
        case "STR"                      ;= #UD at cs=FFFF sp=0000:00007000
                real
        op      str ax
        case "VERR"                     ;= #UD at cs=FFFF sp=0000:00007000
                real
        op      verr ax
        case "LAR"                      ;= #UD at cs=FFFF sp=0000:00007000
                real
        op      lar ax, ax
        case "ARPL"                     ;= #UD at cs=FFFF sp=0000:00007000
                real
        op      arpl ax, ax
        case "SYSENTER"                 ;= #GP(0000) at cs=FFFF sp=0000:00007000
                real
        op      sysenter
        case "HLT, CLI, IN are allowed" ;= ok cs=FFFF sp=0000:00007000
                real
                cli
                in al, 0x80
        op      smsw ax
        case "MOV to CS"                ;= #UD at cs=FFFF sp=0000:00007000
                real
        op      db 0x8E, 0xC8
        case "CALL FAR and RETF"        ;= ok cs=FFFF sp=0000:00007000
                real
        op      call HMA:OFF16(..@a1)
                jmp ..@a2
..@a1:          retf
..@a2:
        case "RETF n"                   ;= ok cs=FFFF sp=0000:00007004
                real
                push word HMA
                push word OFF16(..@a3)
        op      retf 4
                ud2
..@a3:
        case "another CS for the same place"    ;= ok cs=FFFE sp=0000:00007000
                real
        op      jmp 0xFFFE:OFF16(..@a4) + 0x10
..@a4:
show S_FL
        case "INT n clears IF and TF"   ;= int31 after fl=000000
                real
                mov word [0x32 * 4], OFF16(..@b1)
                mov word [0x32 * 4 + 2], HMA
                push word 0x102
                popf
                int 0x32
..@b1:  op      int 0x31
        case "and pushes them"          ;= int31 after fl=000700
                real
                push word 0x0702
                push word HMA
                push word OFF16(..@b2)
                cli
                iret
..@b2:  op      int 0x31
        case "IRET loads IOPL and NT"   ;= int31 after fl=007000
                real
                push word 0x7002
                push word HMA
                push word OFF16(..@b3)
                iret
..@b3:  op      int 0x31
        case "POPF loads them too"      ;= int31 after fl=007000
                real
                push word 0x7002
                popf
        op      int 0x31
        case "a step"                   ;= #DB after dr6=4000 fl=000100
                real
                push word 0x102
                popf
        op      nop
show S_EAX
        case "POPFD: AC and ID"         ;= ok eax=00240002
                real
                push dword 0x240002
                popfd
                pushfd
                pop eax
                push dword 2
                popfd
                and eax, 0x240002
        case "a frame of three words"   ;= ok eax=0000FFFF
                real
                mov word [0x32 * 4], OFF16(..@c1)
                mov word [0x32 * 4 + 2], HMA
                int 0x32
                ud2
..@c1:          mov bp, sp
                movzx eax, word [bp + 2]
                add sp, 6
                sub sp, LOW0 & 0xFFFF
                jz ..@c2
                ud2
..@c2:          mov sp, LOW0
        case "#GP of real mode pushes no error code"    ;= ok eax=00006FFA
                real
                mov word [13 * 4], OFF16(..@c3)
                mov word [13 * 4 + 2], HMA
                mov bx, 0xFFFF
                mov ax, [bx]
                ud2
..@c3:          mov bx, OFF16(r0_real) + 13 * r0_real_size
                mov [13 * 4], bx
                movzx eax, sp
                mov sp, LOW0
        case "SS is not checked for its selector"       ;= ok eax=00000003
                real
                mov ax, 3
        op      mov ss, ax
                mov sp, LOW0
; ---- unreal ----
        case "unreal: DS of 4 GB"       ;= ok eax=1BADB002
                unreal
        op      mov eax, [dword 0x100000]
        case "unreal: a new selector keeps the limit"   ;= ok eax=1BADB002
                unreal
                mov ax, 0x1000
                mov ds, ax
        op      mov eax, [dword 0xF0000]
        case "unreal: GS too"           ;= ok eax=1BADB002
                unreal
                xor ax, ax
                mov gs, ax
        op      mov eax, [dword gs:0x100000]
        case "unreal: SS was loaded with 64 KB"         ;= #SS(0000) at eax=00000000
                unreal
                xor eax, eax
        op      mov eax, [dword ss:0x100000]
        case "unreal: an interrupt leaves it"   ;= ok eax=1BADB002
                unreal
                mov word [0x32 * 4], OFF16(..@d1)
                mov word [0x32 * 4 + 2], HMA
                int 0x32
        op      mov eax, [dword 0x100000]
                jmp ..@d2
..@d1:          iret
..@d2:
        case "a base of protected mode stays"   ;= ok eax=1BADB002
                put GDT + T0, 0x100000, 0xFFFF, A_DATA, 0
                mov ax, T0
                mov fs, ax
                unreal
        op      mov eax, [fs:0]
        case "a read-only segment of protected mode may be written"     ;= ok eax=00001234
                put GDT + T0, 0x2F0000, 0xFFFF, A_DATARO, 0
                mov ax, T0
                mov fs, ax
                unreal
                mov eax, 0x1234
        op      mov [fs:0], eax
                mov eax, [fs:0]
        case "PE is set: the selectors of real mode stay"       ;= ok eax=00000000
                real
                o32 lgdt [cs:OFF16(r0_gdtr)]
                o32 lidt [cs:OFF16(r0_idtr)]
                mov eax, cr0
                or al, 1
                mov cr0, eax
                movzx eax, word [0x5002]
                xor eax, eax
                mov ax, ds
        op      jmp CODE16:OFF16(..@d3)
..@d3:
        case "after PE: a null selector as loaded now"  ;= #GP(0000) at eax=00000000
                real
                o32 lgdt [cs:OFF16(r0_gdtr)]
                o32 lidt [cs:OFF16(r0_idtr)]
                mov eax, cr0
                or al, 1
                mov cr0, eax
                jmp CODE16:OFF16(..@d4)
..@d4:          xor eax, eax
                mov ds, ax
        op      mov eax, [0]
cases_end
