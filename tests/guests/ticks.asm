; Counts TICKS (default 50) interrupts of the timer at 1000 Hz and says the low half of the time stamp counter at each
; tenth; between them it halts, or with BUSY defined computes.
; Expected: TICKS / 10 lines "tsc=xxxxxxxx" and exit status 1; in a deterministic run the same lines every time.
%include "guest.inc"
%include "timer.inc"
%ifndef TICKS
  %define TICKS 50
%endif

main:
        set_up_timer tick
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
