; Says each byte that COM1 and each scan code that the keyboard sends (translated to set 1), with the low half of the
; time stamp counter, and the last scan code on the screen too. Interrupts bring them; between them it halts, or with
; BUSY defined computes. The timer runs at 1000 Hz, or not at all with NOTIMER defined.
; Expected: COM1 "up\n", then lines "byte=xxxxxxxx" or "key=xxxxxxxx" (the first is FA, the keyboard's own answer),
; each followed by "tsc=xxxxxxxx"; after scan code 1C (Enter goes down) exit status 1. In a deterministic run the same
; lines every time.
%include "guest.inc"

%macro vector 2
        mov eax, %2
        mov [table + %1 * 8], ax
        shr eax, 16
        mov [table + %1 * 8 + 6], ax
        mov word [table + %1 * 8 + 4], 0x8e00
        mov [table + %1 * 8 + 2], cs
%endmacro

main:
        vector 0x20, timer
        vector 0x21, keyboard
        vector 0x24, serial
        lidt [table_register]
        mov al, 0x11                    ; both controllers: initialise, four words
        out 0x20, al
        out 0xa0, al
        mov al, 0x20                    ; vectors from 20h and 28h
        out 0x21, al
        mov al, 0x28
        out 0xa1, al
        mov al, 4                       ; the second is on line 2 of the first
        out 0x21, al
        mov al, 2
        out 0xa1, al
        mov al, 1                       ; 8086 mode
        out 0x21, al
        out 0xa1, al
        mov al, 0xec                    ; lines 0, 1 and 4
        out 0x21, al
        mov al, 0xff
        out 0xa1, al
%ifndef NOTIMER
        mov al, 0x34                    ; counter 0, both bytes, rate generator
        out 0x43, al
        mov al, 1193 & 255
        out 0x40, al
        mov al, 1193 >> 8
        out 0x40, al
%endif
        mov dx, COM1 + 3                ; 115200, eight bits
        mov al, 0x80
        out dx, al
        mov dx, COM1
        mov al, 1
        out dx, al
        inc dx
        mov al, 0
        out dx, al
        mov dx, COM1 + 3
        mov al, 3
        out dx, al
        mov dx, COM1 + 2                ; FIFOs on and empty
        mov al, 7
        out dx, al
        mov dx, COM1 + 1                ; interrupt when data is there
        mov al, 1
        out dx, al
        mov dx, COM1 + 4                ; by its line
        mov al, 8
        out dx, al
        mov al, 0x60                    ; command byte: translate, interrupts of the keyboard, no mouse
        call ready
        out 0x64, al
        mov al, 0x65
        call ready
        out 0x60, al
        mov al, 0xf4                    ; the keyboard may send
        call ready
        out 0x60, al
        say "up"
        sti
.wait:
%ifdef BUSY
        inc dword [work]
        mov eax, [work]
        imul eax, eax, 1103515245
        mov [work], eax
%else
        hlt
%endif
        cmp byte [over], 0
        je .wait
        cli
        exit 0
        jmp $

ready:  push eax
.wait:  in al, 0x64
        test al, 2
        jnz .wait
        pop eax
        ret

timer:  push eax
        inc dword [ticks]
        mov al, 0x20                    ; end of interrupt
        out 0x20, al
        pop eax
        iret

serial: pushad
.next:  mov dx, COM1 + 5
        in al, dx
        test al, 1                      ; data ready
        jz done
        mov dx, COM1
        in al, dx
        movzx eax, al
        field "byte"
        rdtsc
        field "tsc"
        jmp .next

keyboard:
        pushad
        in al, 0x60
        movzx eax, al
        cmp al, 0x1c
        sete [over]
        field "key"
        mov bl, al
        mov edi, 0xb8000
        mov ah, 0x1f
        mov al, bl
        shr al, 4
        call digit
        mov al, bl
        and al, 15
        call digit
        rdtsc
        field "tsc"
done:   mov al, 0x20                    ; end of interrupt
        out 0x20, al
        popad
        iret

digit:  cmp al, 10
        sbb al, 0x69
        das
        stosw
        ret

over:   db 0
        align 4
ticks:  dd 0
work:   dd 1
table_register:
        dw 0x25 * 8 - 1
        dd table
        align 8
table:  times 0x25 dd 0, 0
