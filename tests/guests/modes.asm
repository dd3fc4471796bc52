; A boot sector that sets a video mode by the BIOS, draws into it, and says "drawn" on COM1.
;   -DMODE=0x13 (or 4, 6, 0xD, 0x12; 0x112 and up: VBE, through the 64 KB window)
; Each byte at offset n of the window (each plane's, where there are planes) is n + 16 * (n / 256) + plane, cut to 8 bits.
; Ends waiting: the runner stops it at "drawn".
bits 16
org 0x7C00

        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7C00
%if MODE >= 0x100
        mov     ax, 0x4F02
        mov     bx, MODE
%else
        mov     ax, MODE
%endif
        int     0x10
%if MODE == 4 || MODE == 6
        mov     ax, 0xB800
%else
        mov     ax, 0xA000
%endif
        mov     es, ax
%if MODE == 0xD || MODE == 0x12
        mov     bl, 3
planes: mov     dx, 0x3C4               ; map mask: one plane
        mov     al, 2
        mov     cl, bl
        mov     ah, 1
        shl     ah, cl
        out     dx, ax
        call    fill
        dec     bl
        jns     planes
%else
        xor     bl, bl
        call    fill
%endif
        mov     si, words
say:    lodsb
        test    al, al
        jz      halt
        mov     dx, 0x3F8
        out     dx, al
        jmp     say
halt:   hlt
        jmp     halt

; All 64 KB of the window.
fill:   xor     di, di
next:   mov     ax, di
        shl     ah, 4
        add     al, ah
        add     al, bl
        stosb
        test    di, di
        jnz     next
        ret

words:  db      "drawn", 10, 0

        times   510 - ($ - $$) db 0
        dw      0xAA55
