; A condition right after a comparison is a comparison of its operands.
bits 32
        cmp     eax, ebx
        jl      less
        mov     ecx, eax
        ret
less:   mov     ecx, ebx
        ret
