; A floppy that shows pictures in every video mode, one after another. Each time it says "drawn NAME" on COM1, and goes on when it
; is sent a byte; at the end it says "no more". What each picture is, as a formula, is in tests/boot/video/reference.mjs.
; With -DBUSY it shows one that never stands still.
%include "floppy.inc"
%include "video/registers.inc"

main:
%ifdef BUSY
        vbe     2560, 1600, 32          ; instead: the largest picture, drawn anew for ever
        call    draw
        say     "drawn busy", 10
.again: call    draw
        inc     byte [turned]
        jmp     .again
%endif
%include "video/text.inc"
%include "video/modes.inc"
%include "video/planes.inc"
%include "video/tweaked.inc"
%include "video/vbe.inc"

        bios    0x0003
        hide_cursor
        cells   0xB800, 2000, 0x7F
        picture "text-again"
        say     "no more", 10
stop:   hlt
        jmp     stop

%include "video/routines.inc"

        floppy_end
