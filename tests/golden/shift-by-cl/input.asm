; A count that is not known: nothing changes if it is 0. And one that is.
bits 32
        shl     eax, cl
        shr     ebx, 3
        jz      done
        sar     edx, cl
done:   ret
