; PUSH and POP move ESP once each, and share a check.
bits 32
        push    eax
        push    ebx
        push    1234h
        pop     ecx
        pop     edx
        pop     esi
        ret
