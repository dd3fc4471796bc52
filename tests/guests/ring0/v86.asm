; Virtual-8086 mode: into it by IRET, what is sensitive to IOPL, out of it by exceptions and interrupts, and back (SDM vol. 3, 20.2,
; 20.3; vol. 2). To it by a task switch is in tasks.asm.
; QEMU 7.2: no limits are checked; INT1 is #UD; EXT is never set; a gate to ring 1 is taken (20.3.1: only to CPL 0).
%include "ring0.inc"

IOPL3   equ 0x3002

cases
show S_CS | S_FL | S_SP
        case "in and out"               ;= ok cs=FFFF fl=023000 sp=0000:00006000
                v86 IOPL3
        case "the segments loaded by IRET"      ;= ok cs=FFFF fl=023000 sp=0000:00006000
                v86 IOPL3
                mov ax, ds
                mov bx, es
                add ax, bx
                mov bx, fs
                add ax, bx
                mov bx, gs
                add ax, bx
                cmp ax, 0x11 + 0x22 + 0x33 + 0x44
                je ..@a1
                ud2
..@a1:
        case "a base of 16 times the selector"  ;= ok cs=FFFF fl=023000 sp=0000:00006000
                mov dword [0x12345], 0xCAFE
                v86 IOPL3
                mov ax, 0x1234
                mov ds, ax
                cmp word [5], 0xCAFE
                je ..@a2
                ud2
..@a2:
        case "only IRET of 32 bits enters"      ;= ok cs=0008 fl=000000 sp=0010:00090000
                push word 2
                push word CODE16
                push word OFF16(..@a3)
                iretw
bits 16
..@a3:          jmp dword CODE0:..@a4
bits 32
..@a4:
show S_CS | S_FL
        case "the limit is FFFF"        ;= #GP(0000) at cs=FFFF fl=023000
                v86 IOPL3
        op      a32 mov al, [dword 0x10000]
        case "a word at FFFF"           ;= #GP(0000) at cs=FFFF fl=023000
                v86 IOPL3
                mov bx, 0xFFFF
        op      mov ax, [bx]
        case "a word at FFFF of SS"     ;= #SS(0000) at cs=FFFF fl=023000
                v86 IOPL3
                mov bp, 0xFFFF
        op      mov ax, [bp]
        case "PUSH at 1"                ;= #SS(0000) at cs=FFFF fl=023000
                v86 IOPL3
                mov sp, 1
        op      push ax
        case "PUSH at 0 goes around"    ;= ok cs=FFFF fl=023000
                v86 IOPL3
                mov sp, 0
        op      push ax
        case "a write through CS is allowed"    ;= ok cs=FFFF fl=023000
                v86 IOPL3
        op      mov [cs:OFF16(scratch)], ax
        case "a jump beyond FFFF"       ;= #GP(0000) at cs=FFFF fl=023000
                v86 IOPL3
        op      jmp dword $ + 0x10000
        case "a far jump beyond FFFF"   ;= #GP(0000) at cs=FFFF fl=023000
                v86 IOPL3
        op      jmp dword HMA:0x10000

; ---- IOPL 0 ----
%macro sensitive 2+
        case %1
                v86
        op      %2
%endmacro
        sensitive "CLI at IOPL 0", cli          ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "STI at IOPL 0", sti          ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "PUSHF at IOPL 0", pushf      ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "PUSHFD at IOPL 0", pushfd    ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "POPF at IOPL 0", popf        ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "POPFD at IOPL 0", popfd      ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "IRET at IOPL 0", iret        ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "IRETD at IOPL 0", iretd      ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "INT n at IOPL 0", int 0x31   ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "INT 3 of two bytes at IOPL 0", db 0xCD, 3    ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "INT3 at IOPL 0, gate of DPL 0", int3 ;= #GP(001A) at cs=FFFF fl=020000
        sensitive "HLT", hlt            ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "MOV to CR0", mov cr0, eax    ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "LMSW", lmsw ax       ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "CLTS", clts          ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "LGDT", lgdt [bx]     ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "LLDT", lldt ax       ;= #UD at cs=FFFF fl=020000
        sensitive "LTR", ltr ax         ;= #UD at cs=FFFF fl=020000
        sensitive "SLDT", sldt ax       ;= #UD at cs=FFFF fl=020000
        sensitive "STR", str ax         ;= #UD at cs=FFFF fl=020000
        sensitive "LAR", lar ax, ax     ;= #UD at cs=FFFF fl=020000
        sensitive "LSL", lsl ax, ax     ;= #UD at cs=FFFF fl=020000
        sensitive "VERR", verr ax       ;= #UD at cs=FFFF fl=020000
        sensitive "ARPL", arpl ax, ax   ;= #UD at cs=FFFF fl=020000
        sensitive "SMSW", smsw ax       ;= ok cs=FFFF fl=020000
        sensitive "SGDT", sgdt [bx]     ;= ok cs=FFFF fl=020000
        sensitive "UD2", ud2            ;= #UD at cs=FFFF fl=020000
        sensitive "AAM 0", aam 0        ;= #DE at cs=FFFF fl=020000
        sensitive "IN without a bitmap", in al, 0x80    ;= #GP(0000) at cs=FFFF fl=020000
        sensitive "INT1", db 0xF1       ;= #DB after dr6=0000 cs=FFFF fl=020000
        case "INT3 at IOPL 0, gate of DPL 3"    ;= #BP after cs=FFFF fl=020000
                or byte [IDT + 3 * 8 + 5], 0x60
                v86
        op      int3
        case "INTO at IOPL 0, gate of DPL 3"    ;= #OF after cs=FFFF fl=020000
                or byte [IDT + 4 * 8 + 5], 0x60
                v86
                mov al, 0x7F
                inc al
        op      into
        case "IN by IOPL alone is refused"      ;= #GP(0000) at cs=FFFF fl=023000
                v86 IOPL3
        op      in al, 0x80
        case "IN by the bitmap"         ;= ok cs=FFFF fl=020000
                mov word [TSS_A + 0x66], 0x68
                v86
        op      in al, 0x80

; ---- IOPL 3 ----
        case "INT n at IOPL 3, gate of DPL 3"   ;= int31 after cs=FFFF fl=023000
                or byte [IDT + 0x31 * 8 + 5], 0x60
                v86 IOPL3
        op      int 0x31
        case "INT n at IOPL 3, gate of DPL 0"   ;= #GP(018A) at cs=FFFF fl=023000
                v86 IOPL3
        op      int 0x31
        case "STI at IOPL 3"            ;= ok cs=FFFF fl=023200
                v86 IOPL3
        op      sti
        case "POPF at IOPL 3 leaves IOPL and VM"        ;= ok cs=FFFF fl=023600
                v86 IOPL3
                push word 0x0602
        op      popf
        case "POPFD at IOPL 3"          ;= ok cs=FFFF fl=263400
                v86 IOPL3
                push dword 0x240402
        op      popfd
        case "IRET at IOPL 3"           ;= ok cs=FFFF fl=023400
                v86 IOPL3
                push word 0x0402
                push word HMA
                push word OFF16(..@b1)
        op      iret
                ud2
..@b1:
        case "IRETD at IOPL 3"          ;= ok cs=FFFF fl=263000
                v86 IOPL3
                push dword 0x240002
                push dword HMA
                push dword OFF16(..@b2)
        op      iretd
                ud2
..@b2:
        case "IRET ignores NT"          ;= ok cs=FFFF fl=023000
                mov word [TSS_A], SEL_B
                v86 IOPL3 | 0x4000
                push word 0x0002
                push word HMA
                push word OFF16(..@b3)
        op      iret
                ud2
..@b3:
        case "PUSHFD shows neither VM nor RF"   ;= ok cs=FFFF fl=023000
                v86 IOPL3
                pushfd
                pop eax
                cmp eax, 0x7000 + 2
                shr eax, 16
                test al, 3
                jz ..@b4
                ud2
..@b4:
show S_CS | S_EAX | S_SP
; ---- the way out ----
        case "data segments are emptied"        ;= ok cs=0008 eax=00000000 sp=0010:0020FFDC
                putgate IDT + 0x31 * 8, CODE0, ADDR(..@c1), G_INT32 | DPL(3), 0
                v86 IOPL3
        op      int 0x31
bits 32
..@c1:          mov eax, ds
                mov ebx, es
                or eax, ebx
                mov ebx, fs
                or eax, ebx
                mov ebx, gs
                or eax, ebx
        case "what is pushed: GS FS DS ES"      ;= ok cs=0008 eax=44332211 sp=0010:0020FFDC
                putgate IDT + 0x31 * 8, CODE0, ADDR(..@c2), G_INT32 | DPL(3), 0
                v86 IOPL3
        op      int 0x31
bits 32
..@c2:          mov al, [esp + 32]
                shl eax, 8
                mov al, [esp + 28]
                shl eax, 8
                mov al, [esp + 24]
                shl eax, 8
                mov al, [esp + 20]
        case "what is pushed: EFLAGS"   ;= ok cs=0008 eax=00023002 sp=0010:0020FFDC
                putgate IDT + 0x31 * 8, CODE0, ADDR(..@c3), G_INT32 | DPL(3), 0
                v86 IOPL3
        op      int 0x31
bits 32
..@c3:          mov eax, [esp + 8]
        case "there and back"           ;= ok cs=FFFF eax=00000015 sp=0000:00006000
                putgate IDT + 0x31 * 8, CODE0, ADDR(..@c4), G_INT32 | DPL(3), 0
                v86 IOPL3
                mov eax, 0x12
        op      int 0x31
                add al, 1
                jmp ..@c5
bits 32
..@c4:          add eax, 2
                iretd
bits 16
..@c5:
show S_CS
        case "a gate to ring 1"         ;= #GP(0028) at cs=FFFF
                putgate IDT + 0x31 * 8, CODE1, ADDR(r0_stub), G_INT32 | DPL(3), 0
                v86 IOPL3
        op      int 0x31
        case "a gate to conforming code"        ;= #GP(0090) at cs=FFFF
                put GDT + T0, 0, 0xFFFFF, A_CONF, F_32 | F_G
                putgate IDT + 0x31 * 8, T0, ADDR(r0_stub), G_INT32 | DPL(3), 0
                v86 IOPL3
        op      int 0x31
        case "an exception through a gate to ring 3"    ;= #GP(0049) at cs=FFFF
                putgate IDT + 6 * 8, CODE3, ADDR(r0_stub), G_INT32, 0
                v86 IOPL3
        op      ud2
        case "a task gate"              ;= ok cs=0008
                putgate IDT + 6 * 8, SEL_B, 0, G_TASK, 0
                mov dword [TSS_B + 0x20], ..@d1
                mov dword [TSS_B + 0x24], 2
                mov dword [TSS_B + 0x38], STACK_B
                mov word [TSS_B + 0x48], DATA0
                mov word [TSS_B + 0x4C], CODE0
                mov word [TSS_B + 0x50], DATA0
                mov word [TSS_B + 0x54], DATA0
                v86 IOPL3
                ud2
bits 32
..@d1:
        case "a task gate and back"     ;= ok cs=FFFF
                putgate IDT + 0x31 * 8, SEL_B, 0, G_TASK | DPL(3), 0
                mov dword [TSS_B + 0x20], ..@d2
                mov dword [TSS_B + 0x24], 2
                mov dword [TSS_B + 0x38], STACK_B
                mov word [TSS_B + 0x48], DATA0
                mov word [TSS_B + 0x4C], CODE0
                mov word [TSS_B + 0x50], DATA0
                mov word [TSS_B + 0x54], DATA0
                v86 IOPL3
                int 0x31
                jmp ..@d3
bits 32
..@d2:          iretd
bits 16
..@d3:
        case "a 16-bit interrupt gate"  ;= ok cs=0018
                putgate IDT + 0x31 * 8, CODE16, OFF16(..@d4), G_INT16 | DPL(3), 0
                v86 IOPL3
        op      int 0x31
..@d4:
        case "SYSENTER"                 ;= ok cs=0008
                mov ecx, 0x174
                mov eax, CODE0
                xor edx, edx
                wrmsr
                inc ecx
                mov eax, STACK0
                wrmsr
                inc ecx
                mov eax, ADDR(..@d5)
                wrmsr
                v86 IOPL3
        op      sysenter
bits 32
..@d5:          mov ax, DATA0
                mov ds, ax
cases_end
scratch: dw 0
