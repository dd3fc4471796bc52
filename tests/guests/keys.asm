; Says the scan codes that the keyboard sends, as the 8042 translates them to set 1, until Enter goes down.
; Expected: COM1 "up\n", a line "key=000000xx" a byte, the last of them 1C; exit status 1.
%include "guest.inc"

main:
.drain: in al, 0x64                     ; what is left from before
        test al, 1
        jz .empty
        in al, 0x60
        jmp .drain
.empty: mov al, 0x60                    ; command byte: translate, no interrupts, no mouse
        call command
        mov al, 0x64
        call data
        mov al, 0xf4                    ; the keyboard may send
        call data
        call receive                    ; FAh: it will
        say "up"
.next:  call receive
        movzx eax, al
        field "key"
        cmp al, 0x1c
        jne .next
        exit 0
        jmp $

command:
        call ready
        out 0x64, al
        ret

data:   call ready
        out 0x60, al
        ret

; Waits until the controller takes a byte.
ready:  push eax
.wait:  in al, 0x64
        test al, 2
        jnz .wait
        pop eax
        ret

receive:
        in al, 0x64
        test al, 1
        jz receive
        in al, 0x60
        ret
