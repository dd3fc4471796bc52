; What is known at translation: zeroing, constant addresses, dead flags.
bits 32
        xor     eax, eax
        mov     ecx, 12
        add     eax, ecx
        mov     [2000h], eax
        lea     ebx, [eax+eax*4+7]
        ret
