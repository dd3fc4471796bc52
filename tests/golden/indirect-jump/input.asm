; A jump through a table leaves the region.
bits 32
        cmp     eax, 3
        ja      done
        jmp     [eax*4+1000h]
done:   ret
