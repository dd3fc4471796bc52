; A supervisor that closes user pages and opens them again: one region, whose blocks use the fast tables of two access classes.
bits 32
again:  mov     [esi], eax
        clac
        mov     ebx, [edi]
        stac
        dec     ecx
        jnz     again
        ret
