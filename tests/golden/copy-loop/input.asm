; A loop that copies words: a read and a write, each with its own check.
bits 32
again:  mov     eax, [esi]
        mov     [edi], eax
        add     esi, 4
        add     edi, 4
        cmp     esi, edx
        jb      again
        ret
