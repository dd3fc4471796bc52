; x87 exceptions by interrupt: CR0.NE is clear, so an unmasked exception asserts FERR#, which is IRQ 13, and the processor waits
; for it before the next x87 instruction. The handler takes the request back at port F0h, after which x87 instructions go on in
; spite of the exception, and clears it. With CR0.NE set the same is exception 16.
; Expected: COM1 "up", the fields with the values in the comments; exit status 1.
%include "guest.inc"

ROUNDS  equ 8000
IDT     equ 0x200000

; vector, handler
%macro gate 2
        mov eax, %2
        mov [IDT + %1 * 8], ax
        mov [IDT + %1 * 8 + 2], cs
        mov word [IDT + %1 * 8 + 4], 0x8E00
        shr eax, 16
        mov [IDT + %1 * 8 + 6], ax
%endmacro

main:
        say "up"
        gate 0x2D, interrupt
        gate 16, exception
        lidt [idt_at]
        mov al, 0x11
        out 0x20, al
        out 0xA0, al
        mov al, 0x20
        out 0x21, al
        mov al, 0x28
        out 0xA1, al
        mov al, 4
        out 0x21, al
        mov al, 2
        out 0xA1, al
        mov al, 1
        out 0x21, al
        out 0xA1, al
        mov al, ~4
        out 0x21, al
        mov al, ~0x20
        out 0xA1, al
        mov eax, cr0
        and eax, ~0x2C                  ; NE, EM, TS
        mov cr0, eax
        fninit
        fldcw [unmasked]
        sti
        xor ebx, ebx

        mov ecx, ROUNDS
.next:  fld1
        fldz
        fdivp                           ; 1 / 0: waits for nothing yet
        add ebx, 1
        fwait                           ; here
        fninit
        fldcw [unmasked]
        loop .next
        mov eax, [interrupts]
        field "interrupts"              ; 00001F40
        mov eax, [exceptions]
        field "exceptions"              ; 00000000
        mov eax, [seen]
        field "seen"                    ; 00000004: the handler sees the division by zero, and not its own FLD's wait
        mov eax, ebx
        field "went on"                 ; 00001F40

        mov eax, cr0
        or eax, 0x20
        mov cr0, eax
        fld1
        fldz
        fdivp
        fwait
        mov eax, [exceptions]
        field "exceptions"              ; 00000001
        mov eax, [interrupts]
        field "interrupts"              ; 00001F40
        exit 0

interrupt:
        push eax
        fnstsw ax
        and eax, 0x3F
        mov [seen], eax
        xor al, al
        out 0xF0, al
        fld1                            ; would wait for ever, were it not for IGNNE#
        fstp st0
        fnclex
        mov al, 0x20
        out 0xA0, al
        out 0x20, al
        inc dword [interrupts]
        pop eax
        iretd

exception:
        fnclex
        inc dword [exceptions]
        iretd

; Not in a line with code, which would be made anew after each write.
align 64
interrupts: dd 0
exceptions: dd 0
seen:   dd 0
unmasked: dw 0x037B                     ; all masked but division by zero
idt_at: dw 0x30 * 8 - 1
        dd IDT
