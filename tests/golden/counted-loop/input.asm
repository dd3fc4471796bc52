; A loop to itself: its body is a block with a label of its own.
bits 32
        mov     ecx, 100
        xor     eax, eax
again:  add     eax, ecx
        dec     ecx
        jnz     again
        ret
