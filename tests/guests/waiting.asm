; The timer's interrupt waits all the time, because IF is clear: what runs meanwhile is translated like any other code. Then
; STI, POPF and IRET let it in, each after the next instruction at the latest.
; Expected: COM1 "up\n", then 0 to port F4h; 1 if the interrupt came too early, 2 to 4 if it did not come after STI, POPF or IRET.
%include "guest.inc"

ROUNDS  equ 1000000

; Waits until line 0 of the first controller is up.
%macro until_it_waits 0
        mov al, 0x0a                    ; the next read gives the request register
        out 0x20, al
%%on:   in al, 0x20
        test al, 1
        jz %%on
%endmacro

main:
        mov eax, tick
        mov [gate], ax
        shr eax, 16
        mov [gate + 6], ax
        mov [gate + 2], cs
        lidt [table_register]
        mov al, 0x11                    ; initialise, four words
        out 0x20, al
        mov al, 0x20                    ; vectors from 20h
        out 0x21, al
        mov al, 4
        out 0x21, al
        mov al, 1                       ; 8086 mode
        out 0x21, al
        mov al, 0xfe                    ; only line 0
        out 0x21, al
        mov al, 0x34                    ; counter 0, both bytes, rate generator
        out 0x43, al
        mov al, 1193 & 255              ; 1000 Hz
        out 0x40, al
        mov al, 1193 >> 8
        out 0x40, al
        say "up"

        until_it_waits
        mov ecx, ROUNDS
        xor ebx, ebx
.round: add ebx, ecx
        rol ebx, 3
        xor ebx, 0x1234567
        dec ecx
        jnz .round
        cmp dword [ticks], 0
        mov eax, 1
        jne wrong

        sti
        nop
        nop
        cli
        cmp dword [ticks], 1
        mov eax, 2
        jb wrong

        mov dword [ticks], 0
        until_it_waits
        pushfd
        or dword [esp], 0x200
        popfd
        nop
        cli
        cmp dword [ticks], 1
        mov eax, 3
        jb wrong

        mov dword [ticks], 0
        until_it_waits
        pushfd
        or dword [esp], 0x200
        push cs
        push dword .back
        iretd
.back:  nop
        cli
        cmp dword [ticks], 1
        mov eax, 4
        jb wrong
        exit 0
        jmp $

wrong:  mov edx, EXIT_PORT
        out dx, al
        jmp $

tick:   push eax
        inc dword [ticks]
        mov al, 0x20                    ; end of interrupt
        out 0x20, al
        pop eax
        iret

ticks:  dd 0
table_register:
        dw 0x21 * 8 - 1
        dd table
table:  times 0x20 dd 0, 0
gate:   dd 0, 0x8e00
