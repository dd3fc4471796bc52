; CF set by itself over flags of another block; none of it costs a call.
bits 32
again:  bt      eax, ecx
        jc      set
        inc     ebx
set:    sub     ecx, 1
        rol     edx, 1
        jnz     again
        ret
