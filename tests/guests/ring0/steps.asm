; Single steps, general detect, and the debug registers (SDM vol. 3, 17.2, 17.3; 6.8.3; table 6-2).
; QEMU 7.2: INT1 is #UD; STI is not stepped (table 6-2 knows of no such exception); general detect is not known (17.2.4); a step and the
; breakpoint on the next instruction come as one; reserved bits of DR6 and DR7 can be set (17.2.3, 17.2.4).
%include "ring0.inc"

TF      equ 0x100
DATA    equ 0x2F0000

; breakpoint N, ADDRESS, KIND (0 execute, 1 write, 2 port, 3 read or write), LENGTH: by the global enable.
%macro breakpoint 4
                mov eax, %2
                mov dr%1, eax
                mov eax, dr7
                or eax, 2 << (2 * %1) | (%3 | (%4 - 1) << 2) << (16 + 4 * %1)
                mov dr7, eax
%endmacro
%macro step 0
                push dword TF | 2
                popfd
%endmacro

cases
; ---- steps ----
show S_FL
        case "a step"                   ;= #DB after dr6=4000 fl=000100
                step
        op      nop
        case "three steps"              ;= #DB at dr6=4000 fl=000100 #DB after dr6=4000 fl=000100 #DB +0002 dr6=4000 fl=000100
                events 2
                step
                nop
        op      nop
                nop
        case "of a jump"                ;= #DB +0003 dr6=4000 fl=000100
                step
        op      jmp short ..@c1
                nop
..@c1:
        case "of a CALL"                ;= #DB +0006 dr6=4000 fl=000100
                step
        op      call ..@c2
                nop
..@c2:
        case "INT n clears TF, no step of it"   ;= int31 after fl=000100
                step
        op      int 0x31
        case "after the return from it" ;= int31 after fl=000100 #DB +0003 dr6=4000 fl=000100
                events 1
                step
        op      int 0x31
                nop
                nop
        case "INT3 is not stepped"      ;= #BP after fl=000100
                step
        op      int3
        case "INT1 is not stepped"      ;= #DB after dr6=0000 fl=000100
                step
        op      db 0xF1
        case "INTO that is not taken is"        ;= #DB after dr6=4000 fl=000100
                xor eax, eax
                step
        op      into
        case "INTO that is taken is not"        ;= #OF after fl=000100
                push dword TF | 0x802
                popfd
        op      into
        case "a fault is not stepped"   ;= #UD at fl=000100
                step
        op      ud2
        case "POPF that clears TF is stepped"   ;= #DB after dr6=4000 fl=000000
                push dword 2
                step
        op      popfd
        case "POPF that sets TF is not" ;= #DB +0002 dr6=4000 fl=000100
                push dword TF | 2
        op      popfd
                nop
        case "IRET that sets TF is not" ;= #DB at dr6=4000 fl=000100
                push dword TF | 2
                push dword CODE0
                push dword ..@c3
                iretd
..@c3:          nop
        op      nop
        case "IRET that clears TF is"   ;= #DB at dr6=4000 fl=000000
                push dword 2
                push dword CODE0
                push dword ..@c4
                step
                iretd
                nop
..@c4:  op      nop
        case "MOV SS is not stepped, the next is"       ;= #DB after dr6=4000 fl=000100
                mov ax, ss
                step
                mov ss, ax
        op      nop
        case "POP SS is not stepped, the next is"       ;= #DB after dr6=4000 fl=000100
                push ss
                step
                pop ss
        op      nop
        case "MOV DS is stepped"        ;= #DB after dr6=4000 fl=000100
                mov ax, ds
                step
        op      mov ds, ax
        case "STI is stepped"           ;= #DB after dr6=4000 fl=000300
                step
        op      sti
        case "REP STOS, each turn"      ;= #DB at dr6=4000 fl=000100 #DB at dr6=4000 fl=000100 #DB after dr6=4000 fl=000100
                events 2
                mov edi, DATA
                mov ecx, 3
                step
        op      rep stosd
        case "REP with ECX 0"           ;= #DB after dr6=4000 fl=000100
                mov edi, DATA
                xor ecx, ecx
                step
        op      rep stosd
        case "step and data at once"    ;= #DB after dr6=4001 fl=000100
                breakpoint 0, DATA, 1, 4
                step
        op      mov [DATA], eax
        case "a far jump"               ;= #DB +0008 dr6=4000 fl=000100
                step
        op      jmp CODE0:..@c5
                nop
..@c5:
        case "at CPL 3, from IRET on"   ;= #DB at dr6=4000 fl=000100
                ring 3, TF | 2
                nop
        op      nop
        case "through a call gate to CPL 0"     ;= #DB after dr6=4000 fl=000100
                putgate GDT + T0, CODE0, ADDR(..@c6), G_CALL32 | DPL(3), 0
                ring 3
                step
        op      call T0:0
..@c6:          ud2
        case "PUSHF has TF"             ;= #DB after dr6=4000 fl=000100 #DB +0002 dr6=4000 fl=000100
                events 1
                step
        op      pushfd
                nop
        case "an instruction breakpoint on the next comes after the step"       ;= #DB after dr6=4000 fl=000100 #DB after dr6=0001 fl=000100
                breakpoint 0, ..@c7, 0, 1
                events 1
                step
        op      nop
..@c7:          nop
        case "16-bit code"              ;= #DB after dr6=4000 fl=000100
                ring16 0
                push word TF | 2
                popf
        op      nop
        case "virtual-8086 mode, from IRET on"  ;= #DB at dr6=4000 fl=023100
                v86 0x3102
                nop
        op      nop

; ---- general detect, and the registers ----
show S_EAX
        case "general detect: MOV from DR0"     ;= #DB at dr6=2000 eax=00002000
                mov eax, 0x2000
                mov dr7, eax
        op      mov eax, dr0
        case "general detect: MOV to DR7"       ;= #DB at dr6=2000 eax=00002000
                mov eax, 0x2000
                mov dr7, eax
        op      mov dr7, eax
        case "general detect: MOV from DR6"     ;= #DB at dr6=2000 eax=00002000
                mov eax, 0x2000
                mov dr7, eax
        op      mov ebx, dr6
        case "the handler finds GD clear"       ;= ok eax=00000400
                putgate IDT + 8, CODE0, ADDR(..@d1), G_INT32, 0
                mov eax, 0x2000
                mov dr7, eax
        op      mov eax, dr0
                ud2
..@d1:          mov eax, dr7
        case "general detect at CPL 3 is #GP"   ;= ok eax=00000000
                putgate IDT + 13 * 8, CODE0, ADDR(..@d3), G_INT32, 0
                putgate IDT + 8, CODE0, ADDR(..@d4), G_INT32, 0
                mov eax, 0x2000
                mov dr7, eax
                ring 3
        op      mov eax, dr0
                ud2
..@d3:          mov ecx, dr7                    ; GD is still set: this clears it
                ud2
..@d4:          mov eax, [esp + 12]             ; the error code
        case "DR6 of zeros"             ;= ok eax=FFFF0FF0
                mov dr6, eax
                mov eax, dr6
        case "DR6 of ones"              ;= ok eax=FFFFEFFF
                mov eax, -1
                mov dr6, eax
                mov eax, dr6
                mov ebx, eax
                xor eax, eax
                mov dr6, eax
                mov eax, ebx
        case "DR7 of zeros"             ;= ok eax=00000400
                mov dr7, eax
                mov eax, dr7
        case "DR7 of ones, but GD"      ;= ok eax=FFFF07FF
                mov eax, ~0x2000
                mov dr7, eax
                mov eax, dr7
        case "DR0"                      ;= ok eax=89ABCDEF
                mov eax, 0x89ABCDEF
                mov dr0, eax
                xor eax, eax
                mov eax, dr0
        case "DR4 is DR6"               ;= ok eax=FFFF0FF0
                db 0x0F, 0x21, 0xE0
        case "DR5 is DR7"               ;= ok eax=00000400
                db 0x0F, 0x21, 0xE8
        case "DR4 with DE"              ;= #UD at eax=00000008
                mov eax, 8
                mov cr4, eax
        op      db 0x0F, 0x21, 0xE0
        case "MOV to DR5 with DE"       ;= #UD at eax=00000008
                mov eax, 8
                mov cr4, eax
        op      db 0x0F, 0x23, 0xE8
        case "DR6 keeps what was"       ;= ok eax=FFFF4FF1
                putgate IDT + 8, CODE0, ADDR(..@d2), G_INT32, 0
                breakpoint 0, DATA, 1, 1
                mov eax, 0x4000
                mov dr6, eax
        op      mov [DATA], al
                ud2
..@d2:          mov eax, dr6
cases_end
