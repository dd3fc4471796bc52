; The timer's interrupt waits all the time, because IF is clear: what runs meanwhile is translated like any other code. Then
; STI, POPF and IRET let it in, each after the next instruction at the latest.
; Expected: COM1 "up\n", then 0 to port F4h; 1 if the interrupt came too early, 2 to 4 if it did not come after STI, POPF or IRET.
%include "guest.inc"
%include "timer.inc"

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
        set_up_timer tick
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
