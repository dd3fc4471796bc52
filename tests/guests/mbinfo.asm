; Says what the multiboot loader told it.
; Expected: magic=2BADB002; flags with bits 0, 2, 3 and 6; lower and upper memory in KB; "cmdline: ..."; for each
; module "module: ..." with "offset=" (0: on a page boundary), "first=" (its first four bytes) and "length="; "map: base length type" for each
; entry of the memory map; exit status 1.
%define MULTIBOOT_FLAGS 0x10003         ; modules on page boundaries, memory information wanted
%include "guest.inc"

main:
        field "magic"
        mov eax, [ebx]
        field "flags"
        mov eax, [ebx + 4]
        field "lower"
        mov eax, [ebx + 8]
        field "upper"

        test dword [ebx], 1 << 2
        jz .modules
        mov esi, label_cmdline
        call puts
        mov esi, [ebx + 16]
        call puts
        call newline

.modules:
        test dword [ebx], 1 << 3
        jz .map
        mov ecx, [ebx + 20]
        mov edi, [ebx + 24]
.module:
        test ecx, ecx
        jz .map
        mov esi, label_module
        call puts
        mov esi, [edi + 8]
        call puts
        call newline
        mov edx, [edi]
        mov eax, edx
        and eax, 0xfff
        field "offset"
        mov eax, [edx]
        field "first"
        mov eax, [edi + 4]
        sub eax, edx
        field "length"
        add edi, 16
        dec ecx
        jmp .module

.map:   test dword [ebx], 1 << 6
        jz .done
        mov edi, [ebx + 48]
        mov ebp, edi
        add ebp, [ebx + 44]
.entry: cmp edi, ebp
        jae .done
        mov esi, label_map
        call puts
        mov eax, [edi + 8]
        call puthex
        mov eax, [edi + 4]
        call puthex
        call space
        mov eax, [edi + 16]
        call puthex
        mov eax, [edi + 12]
        call puthex
        call space
        mov eax, [edi + 20]
        call puthex
        call newline
        mov eax, [edi]
        lea edi, [edi + eax + 4]
        jmp .entry

.done:  exit 0
        jmp $

space:  mov al, ' '
        jmp putc
newline:
        mov al, 10
        jmp putc

label_cmdline: db "cmdline: ", 0
label_module:  db "module: ", 0
label_map:     db "map: ", 0
