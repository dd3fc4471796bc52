; Jumps to an address where there is nothing. The bus answers all ones; FFh FFh is no instruction: #UD.
; Expected: COM1 "up\n", exit status 8, as there is no interrupt table.
; With HANDLED defined there is one: exit status 13, which is (6 << 1) | 1 for vector 6, and COM1 has the address and
; the stack pointer of the interrupted code: "eip=D0000000".
%include "guest.inc"
NOWHERE equ 0xd0000000

main:
        say "up"
%ifdef HANDLED
        mov eax, invalid_opcode
        mov [table + 6 * 8], ax
        shr eax, 16
        mov [table + 6 * 8 + 6], ax
        mov [table + 6 * 8 + 2], cs
        lidt [table_register]
%else
        lidt [none]
%endif
        mov eax, NOWHERE
        jmp eax

none:   dw 0
        dd 0

invalid_opcode:
        pop eax
        field "eip"
        exit 6
        jmp $

table_register:
        dw 7 * 8 - 1
        dd table
table:  times 7 dd 0, 0x8e00            ; present interrupt gates, to be filled in
