; An exception with no interrupt table: #BP, then #GP while delivering it, then #DF, then the processor shuts down.
; Expected: COM1 "up\n"; exit status 8. With --reboot it says "up" for ever.
%include "guest.inc"

main:
        say "up"
        lidt [none]
        int3
        say "still here"
        exit 1

none:   dw 0
        dd 0
