; Writes a line on the text screen (80 by 25 at B8000h), then idles with interrupts on and none to come.
; Expected: the first line of the screen is "PageVM text screen"; it ends only by --expect-screen or --timeout.
%include "guest.inc"

main:
        mov edi, 0xb8000
        mov ecx, 80 * 25
        mov ax, 0x0720
        rep stosw
        mov edi, 0xb8000
        mov esi, text
        mov ah, 0x1f                    ; white on blue
.next:  lodsb
        test al, al
        jz .done
        stosw
        jmp .next
.done:  mov al, 0xff
        out 0x21, al
        out 0xa1, al
        sti
.idle:  hlt
        jmp .idle

text:   db "PageVM text screen", 0
