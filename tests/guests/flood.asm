; Writes to COM1 as fast as it can, MEGABYTES (default 4) of lines of 64 characters, and the text screen with it: what a
; page has to put up with.
; Expected: COM1 lines of 8 hexadecimal digits that count up from 0 and 55 other characters, then "flooded\n"; exit status 1.
%include "guest.inc"
%ifndef MEGABYTES
  %define MEGABYTES 4
%endif
LINES   equ MEGABYTES * 1024 * 1024 / 64
SCREEN  equ 0xb8000

main:
        mov dx, COM1 + 2                ; FIFOs on and empty
        mov al, 7
        out dx, al
        xor ebp, ebp
.line:  mov edi, line                   ; the number
        mov eax, ebp
        mov ecx, 8
.digit: rol eax, 4
        mov ebx, eax
        and ebx, 15
        mov bl, [digits + ebx]
        mov [edi], bl
        inc edi
        loop .digit
        mov esi, line                   ; four times as much as the FIFO holds
        mov ebx, 4
.fifo:  mov dx, COM1 + 5
.wait:  in al, dx
        test al, 0x20                   ; empty
        jz .wait
        mov dx, COM1
        mov ecx, 16
        rep outsb
        dec ebx
        jnz .fifo
        mov eax, ebp                    ; a cell of the screen
        and eax, 1023
        mov dword [SCREEN + eax * 4], 0x07400740
        xor dword [SCREEN + eax * 4], ebp
        inc ebp
        cmp ebp, LINES
        jb .line
        say "flooded"
        exit 0
        jmp $

digits: db "0123456789abcdef"
line:   db "00000000 the quick brown fox jumps over the lazy dog, once more", 10
