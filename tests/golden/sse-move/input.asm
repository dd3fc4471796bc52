; Vectors to and from memory, and packed integers.
bits 32
        movdqu  xmm0, [esi]
        paddd   xmm0, xmm1
        movaps  [edi], xmm0
        ret
