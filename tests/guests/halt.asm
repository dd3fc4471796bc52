; Halts. Nothing can wake it: interrupts are off.
; Expected: COM1 "up\n"; exit status 10.
; With STI defined interrupts are on, but both interrupt controllers mask every line: an idle machine, which ends
; only by --timeout (status 4) and takes no host time until then.
%include "guest.inc"

main:
        say "up"
%ifdef STI
        mov al, 0xff
        out 0x21, al
        out 0xa1, al
        sti
%else
        cli
%endif
.again: hlt
        jmp .again
