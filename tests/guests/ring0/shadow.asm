; When an interrupt that waits is taken: after STI, MOV SS, POP SS, POPF, IRET, HLT (SDM vol. 3, 6.8; vol. 2, STI, MOV, POP, HLT).
; The timer's request waits in the interrupt controller before each. Of instructions in a row that each hold interrupts back only the
; first is sure to (6.8.3): STI before MOV SS or POP SS is here as we do it.
; QEMU 7.2: such a second one does not; STI holds back the step after it, and the interrupt for two instructions if the first is INT n;
; EXT is never set.
%include "ring0.inc"

; Vector 20h waits.
%macro waiting 0
                call request
%endmacro

cases
show S_FL
        case "STI"                      ;= int20 after fl=000200
                waiting
                sti
        op      nop
                nop
        case "STI, and no more than one instruction"    ;= int20 at fl=000200
                waiting
                sti
                nop
        op      nop
        case "STI, CLI"                 ;= ok fl=000000
                waiting
                sti
                cli
                nop
        case "STI, STI: the second has no shadow"       ;= int20 after fl=000200
                waiting
                sti
        op      sti
                nop
                nop
        case "STI, MOV SS"              ;= int20 +0003 fl=000200
                waiting
                mov ax, ss
                sti
        op      mov ss, ax
                nop
                nop
        case "STI, POP SS"              ;= int20 +0002 fl=000200
                waiting
                push ss
                sti
        op      pop ss
                nop
                nop
        case "STI, LSS"                 ;= int20 after fl=000200
                waiting
                push dword DATA0
                push dword STACK_TOP
                sti
        op      lss esp, [esp]
                nop
        case "STI, HLT"                 ;= int20 after fl=000200
                waiting
                sti
        op      hlt
                nop
        case "STI, a branch"            ;= int20 +0003 fl=000200
                waiting
                sti
        op      jmp short ..@a1
                nop
..@a1:          nop
        case "STI, REP with ECX 0"      ;= int20 at fl=000200
                waiting
                mov edi, 0x2F0000
                mov ecx, 0
                sti
                rep stosd
        op      cli
        case "STI, a fault: the fault first"    ;= #UD at fl=000200
                waiting
                sti
        op      ud2
        case "STI, INT n"               ;= int31 after fl=000200
                waiting
                sti
        op      int 0x31
        case "POPF has no shadow"       ;= int20 after fl=000200
                waiting
                push dword 0x202
        op      popfd
                nop
        case "IRET has none"            ;= int20 at fl=000200
                waiting
                push dword 0x202
                push dword CODE0
                push dword ..@a2
                iretd
..@a2:  op      nop
        case "IRET to ring 3 has none"  ;= int20 at fl=000200
                waiting
                push dword DATA3
                push dword STACK3
                push dword 0x202
                push dword CODE3
                push dword ..@a3
                iretd
..@a3:  op      nop
        case "CLI masks"                ;= ok fl=000000
                waiting
                nop
                nop
        case "STI at CPL 3, IOPL 3"     ;= int20 after fl=003200
                waiting
                ring 3, 0x3002
                sti
        op      nop
                nop
        case "virtual-8086 mode, STI"   ;= int20 after fl=023200
                waiting
                v86 0x3002
                sti
        op      nop
                nop
        case "virtual-8086 mode, IF from IRET"  ;= int20 at fl=023200
                waiting
                push dword 0
                push dword 0
                push dword 0
                push dword 0
                push dword 0
                push dword LOW3
                push dword 0x23202
                push dword HMA
                push dword OFF16(..@a4)
                iretd
bits 16
..@a4:  op      nop
        case "a handler through a trap gate is interrupted"     ;= int20 at fl=000200
                waiting
                putgate IDT + 0x31 * 8, CODE0, ADDR(..@a5), G_TRAP32, 0
                sti
                int 0x31
                ud2
..@a5:  op      nop
        case "through an interrupt gate it is not"      ;= ok fl=000000
                waiting
                putgate IDT + 0x31 * 8, CODE0, ADDR(..@a6), G_INT32, 0
                sti
                int 0x31
                ud2
..@a6:          nop
        case "a task with IF"           ;= int20 at fl=000200
                waiting
                mov dword [TSS_B + 0x20], ..@a7
                mov dword [TSS_B + 0x24], 0x202
                mov dword [TSS_B + 0x38], STACK_B
                mov word [TSS_B + 0x48], DATA0
                mov word [TSS_B + 0x4C], CODE0
                mov word [TSS_B + 0x50], DATA0
                mov word [TSS_B + 0x54], DATA0
                jmp SEL_B:0
..@a7:  op      nop
        case "the step comes before the interrupt"      ;= #DB at dr6=4000 fl=000300
                waiting
                push dword 0x102
                popfd
                sti
        op      nop
        case "the interrupt comes before the instruction breakpoint"    ;= int20 at fl=000200
                waiting
                mov eax, ..@a8
                mov dr0, eax
                mov eax, 2
                mov dr7, eax
                sti
                nop
..@a8:  op      nop
        case "a loop that opens and closes a window"    ;= int20 after fl=000200
                mov ecx, 100
..@a9:          cmp ecx, 10
                jne ..@a10
                waiting
..@a10:         sti
        op      nop
                cli
                dec ecx
                jnz ..@a9
        case "a gate that is not present: EXT"  ;= #NP(0103) after fl=000200
                waiting
                and byte [IDT + 0x20 * 8 + 5], 0x7F
                sti
        op      nop
        case "past the IDT: EXT"        ;= #GP(0103) after fl=000200
                waiting
                push dword IDT
                push word 0x20 * 8 - 1
                lidt [esp]
                sti
        op      nop
                nop
        case "HLT wakes with the interrupt"     ;= int20 after fl=000200
                call soon
                sti
        op      hlt
                nop
cases_end

; Has the timer ask, and comes back when it does. Changes EAX.
request:
        call soon
.wait:  mov al, 0x0A
        out 0x20, al
        in al, 0x20
        test al, 1
        jz .wait
        ret

; Has the timer ask in a while.
soon:   mov al, 0x11
        out 0x20, al
        mov al, 0x20
        out 0x21, al
        mov al, 4
        out 0x21, al
        mov al, 1
        out 0x21, al
        mov al, ~1
        out 0x21, al
        mov al, 0x30
        out 0x43, al
        mov al, 50
        out 0x40, al
        mov al, 0
        out 0x40, al
        ret
