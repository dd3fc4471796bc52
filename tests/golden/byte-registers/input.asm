; Parts of registers, low and high.
bits 32
        mov     al, [esi]
        mov     ah, al
        add     al, 3
        movzx   edx, ah
        mov     [edi], dl
        ret
