; Says "up" and writes VALUE (0 unless defined) to port F4h.
; Expected: COM1 "up\n"; exit status (VALUE << 1) | 1.
%include "guest.inc"
%ifndef VALUE
  %define VALUE 0
%endif

main:
        say "up"
        exit VALUE
        jmp $
