; Counts TICKS (default 50) interrupts of the timer at 1000 Hz and says the low half of the time stamp counter at each
; tenth; between them it halts, or with BUSY defined computes.
; Expected: TICKS / 10 lines "tsc=xxxxxxxx" and exit status 1; in a deterministic run the same lines every time.
%include "guest.inc"
%ifndef TICKS
  %define TICKS 50
%endif

main:
        mov eax, tick
        mov [gate], ax
        shr eax, 16
        mov [gate + 6], ax
        mov [gate + 2], cs
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
        mov al, 0xfe                    ; only line 0
        out 0x21, al
        mov al, 0xff
        out 0xa1, al
        mov al, 0x34                    ; counter 0, both bytes, rate generator
        out 0x43, al
        mov al, 1193 & 255
        out 0x40, al
        mov al, 1193 >> 8
        out 0x40, al
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
        cmp dword [ticks], TICKS
        jb .wait
        cli
        exit 0
        jmp $

tick:   pushad
        inc dword [ticks]
        mov eax, [ticks]
        xor edx, edx
        mov ecx, 10
        div ecx
        test edx, edx
        jnz .quiet
        rdtsc
        field "tsc"
.quiet: mov al, 0x20                    ; end of interrupt
        out 0x20, al
        popad
        iret

ticks:  dd 0
work:   dd 1
table_register:
        dw 0x21 * 8 - 1
        dd table
table:  times 0x20 dd 0, 0
gate:   dd 0, 0x8e00
