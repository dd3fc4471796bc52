; Hardware task switches by JMP, CALL, INT, exceptions and IRET, through TSS descriptors and task gates, to 32- and 16-bit TSSs
; (SDM vol. 3, chapter 7; tables 7-1 and 7-2).
; QEMU 7.2: a fault does not save RF; DR7's LE is not cleared (17.2.4); a TSS selector that is local is #TS instead of #GP (vol. 2,
; JMP); EXT is never set; a fault of the new task is reported with the old task's EIP (7.3); a stack that is not present is #NP instead
; of #SS (table 7-1); limits are not checked; there is no T bit (7.2.1); LTR takes a null selector (vol. 2, LTR).
%include "ring0.inc"

IF      equ 0x200
NT      equ 0x4000

; fill TSS, EIP, ESP, EFLAGS: a 32-bit task of ring 0.
%macro fill 3-4 2
                mov dword [%1 + 0x20], %2
                mov dword [%1 + 0x24], %4
                mov dword [%1 + 0x38], %3
                mov word [%1 + 0x48], DATA0
                mov word [%1 + 0x4C], CODE0
                mov word [%1 + 0x50], DATA0
                mov word [%1 + 0x54], DATA0
                mov word [%1 + 0x66], 0x68
%endmacro
; The same of 16 bits: in CODE16 and DATA16.
%macro fill16 1
                mov word [TSS_C + 0x0E], OFF16(%1)
                mov word [TSS_C + 0x10], 2
                mov word [TSS_C + 0x1A], LOW0
                mov word [TSS_C + 0x22], DATA16
                mov word [TSS_C + 0x24], CODE16
                mov word [TSS_C + 0x26], DATA16
                mov word [TSS_C + 0x28], DATA16
%endmacro
; EAX = the access bytes of the four TSS descriptors, A in the lowest byte.
%macro busies 0
                mov al, [ds:GDT + SEL_D + 5]
                shl eax, 8
                mov al, [ds:GDT + SEL_C + 5]
                shl eax, 8
                mov al, [ds:GDT + SEL_B + 5]
                shl eax, 8
                mov al, [ds:GDT + SEL_A + 5]
%endmacro

cases
; ---- which tasks are busy, and NT ----
show S_TR | S_EAX | S_FL
        case "LTR makes busy"           ;= ok eax=8981898B fl=000000 tr=0070
                busies
        case "JMP to a TSS"             ;= ok eax=89818B89 fl=000000 tr=0078
                fill TSS_B, ..@a1, STACK_B
        op      jmp SEL_B:0
..@a1:          busies
        case "CALL of a TSS"            ;= ok eax=89818B8B fl=004000 tr=0078
                fill TSS_B, ..@a2, STACK_B
        op      call SEL_B:0
..@a2:          busies
        case "JMP through a task gate"  ;= ok eax=89818B89 fl=000000 tr=0078
                putgate GDT + T0, SEL_B, 0, G_TASK, 0
                fill TSS_B, ..@a3, STACK_B
        op      jmp T0:0
..@a3:          busies
        case "CALL through a task gate in the LDT"      ;= ok eax=89818B8B fl=004000 tr=0078
                putgate LDT + 8, SEL_B, 0, G_TASK, 0
                fill TSS_B, ..@a4, STACK_B
        op      call 0xC:0
..@a4:          busies
        case "INT through a task gate"  ;= ok eax=89818B8B fl=004000 tr=0078
                putgate IDT + 0x31 * 8, SEL_B, 0, G_TASK, 0
                fill TSS_B, ..@a5, STACK_B
        op      int 0x31
..@a5:          busies
        case "JMP to a 16-bit TSS"      ;= ok eax=89838989 fl=000000 tr=0080
                fill16 ..@a6
        op      jmp SEL_C:0
bits 16
..@a6:          mov cx, DATA0
                mov ds, cx
                a32 mov al, [dword GDT + SEL_D + 5]
                shl eax, 8
                a32 mov al, [dword GDT + SEL_C + 5]
                shl eax, 8
                a32 mov al, [dword GDT + SEL_B + 5]
                shl eax, 8
                a32 mov al, [dword GDT + SEL_A + 5]
        case "CALL of a 16-bit TSS"     ;= ok eax=8983898B fl=004000 tr=0080
                fill16 ..@a7
        op      call SEL_C:0
bits 16
..@a7:          mov cx, DATA0
                mov ds, cx
                a32 mov al, [dword GDT + SEL_D + 5]
                shl eax, 8
                a32 mov al, [dword GDT + SEL_C + 5]
                shl eax, 8
                a32 mov al, [dword GDT + SEL_B + 5]
                shl eax, 8
                a32 mov al, [dword GDT + SEL_A + 5]
        case "CALL, IRET"               ;= ok eax=8981898B fl=000000 tr=0070
                fill TSS_B, ..@a8, STACK_B
        op      call SEL_B:0
                jmp ..@a9
..@a8:          iretd
..@a9:          busies
        case "CALL, CALL, IRET"         ;= ok eax=89818B8B fl=004000 tr=0078
                fill TSS_B, ..@a10, STACK_B
                fill TSS_D, ..@a12, STACK_D
                call SEL_B:0
                ud2
..@a10: op      call SEL_D:0
                jmp ..@a13
..@a12:         iretd
..@a13:         busies
        case "CALL, JMP: the caller stays busy" ;= ok eax=8B81898B fl=000000 tr=0088
                fill TSS_B, ..@a14, STACK_B
                fill TSS_D, ..@a15, STACK_D
                call SEL_B:0
                ud2
..@a14: op      jmp SEL_D:0
                ud2
..@a15:         busies
        case "CALL of a 16-bit TSS, IRET"       ;= ok eax=8981898B fl=000000 tr=0070
                fill16 ..@a16
        op      call SEL_C:0
                jmp ..@a17
bits 16
..@a16:         iret
bits 32
..@a17:         xor eax, eax
                busies
        case "JMP with NT set: NT is of the new task"   ;= ok eax=89818B89 fl=000000 tr=0078
                fill TSS_B, ..@a18, STACK_B
                push dword NT | 2
                popfd
        op      jmp SEL_B:0
..@a18:         busies
        case "the new task's flags"     ;= ok eax=89818B89 fl=241400 tr=0078
                fill TSS_B, ..@a19, STACK_B, 0x241402
        op      jmp SEL_B:0
..@a19:         busies

; ---- what is saved ----
show S_EAX
        case "back link of CALL"        ;= ok eax=00000070
                fill TSS_B, ..@b1, STACK_B
                call SEL_B:0
..@b1:          movzx eax, word [TSS_B]
        case "JMP writes none"          ;= ok eax=00005555
                fill TSS_B, ..@b2, STACK_B
                mov word [TSS_B], 0x5555
                jmp SEL_B:0
..@b2:          movzx eax, word [TSS_B]
        case "back link of a 16-bit TSS"        ;= ok eax=00000070
                fill16 ..@b3
                call SEL_C:0
bits 16
..@b3:          mov ax, DATA0
                mov ds, ax
                a32 movzx eax, word [dword TSS_C]
        case "the saved EIP is behind the instruction"  ;= ok eax=00000000
                fill TSS_B, ..@b5, STACK_B
                call SEL_B:0
..@b4:
                ud2
..@b5:          mov eax, [TSS_A + 0x20]
                sub eax, ADDR(..@b4)
        case "of a fault at it"         ;= ok eax=00000000
                fill TSS_B, ..@b7, STACK_B
                putgate IDT + 6 * 8, SEL_B, 0, G_TASK, 0
..@b6:          ud2
..@b7:          mov eax, [TSS_A + 0x20]
                sub eax, ADDR(..@b6)
        case "the saved EFLAGS of a fault have RF"      ;= ok eax=00010002
                fill TSS_B, ..@b8, STACK_B
                putgate IDT + 6 * 8, SEL_B, 0, G_TASK, 0
                push dword 2
                popfd
                ud2
..@b8:          mov eax, [TSS_A + 0x24]
        case "saved registers"          ;= ok eax=FFFFFFFF
                fill TSS_B, ..@b9, STACK_B
                mov eax, 0xA0000001
                mov ecx, 0xA0000002
                mov edx, 0xA0000003
                mov ebx, 0xA0000004
                mov esp, 0x8F000
                mov ebp, 0xA0000006
                mov esi, 0xA0000007
                mov edi, 0xA0000008
                jmp SEL_B:0
..@b9:          mov esi, TSS_A + 0x28
                mov edi, ..@b10
                mov ecx, 8
                repe cmpsd
                setne al
                movzx eax, al
                dec eax
                jmp ..@b11
..@b10:         dd 0xA0000001, 0xA0000002, 0xA0000003, 0xA0000004, 0x8F000, 0xA0000006, 0xA0000007, 0xA0000008
..@b11:
        case "saved selectors"          ;= ok eax=FFFFFFFF
                fill TSS_B, ..@b12, STACK_B
                mov ax, DATA3
                mov es, ax
                mov ax, DATA1
                mov fs, ax
                xor eax, eax
                mov gs, ax
                jmp SEL_B:0
..@b12:         mov esi, TSS_A + 0x48
                mov edi, ..@b13
                mov ecx, 6
..@b14:         lodsd
                cmp ax, [edi]
                jne ..@b15
                add edi, 2
                loop ..@b14
                cmp al, al
..@b15:         setne al
                movzx eax, al
                dec eax
                jmp ..@b16
..@b13:         dw DATA3, CODE0, DATA0, DATA0, DATA1, 0
..@b16:
        case "the LDT selector is not saved"    ;= ok eax=00005555
                fill TSS_B, ..@b17, STACK_B
                mov word [TSS_A + 0x60], 0x5555
                jmp SEL_B:0
..@b17:         movzx eax, word [TSS_A + 0x60]
        case "IRET clears NT in what is saved"  ;= ok eax=00000002
                fill TSS_B, ..@b18, STACK_B
                call SEL_B:0
                jmp ..@b19
..@b18:         push dword NT | 2
                popfd
                iretd
..@b19:         mov eax, [TSS_B + 0x24]
        case "16-bit: saved registers are words"        ;= ok eax=BBBB0002
                fill16 ..@b20
                mov dword [TSS_C + 0x12], 0xBBBBBBBB
                call SEL_C:0
                jmp ..@b21
bits 16
..@b20:         mov eax, 0x12340002
                iret
bits 32
..@b21:         mov eax, [TSS_C + 0x12]
; ---- what is loaded ----
        case "loaded registers"         ;= ok eax=00000014
                fill TSS_B, ..@c1, STACK_B
                mov dword [TSS_B + 0x28], 2
                mov dword [TSS_B + 0x2C], 3
                mov dword [TSS_B + 0x30], 4
                mov dword [TSS_B + 0x34], 5
                mov dword [TSS_B + 0x3C], 1
                mov dword [TSS_B + 0x40], 2
                mov dword [TSS_B + 0x44], 3
                jmp SEL_B:0
..@c1:          add eax, ecx
                add eax, edx
                add eax, ebx
                add eax, ebp
                add eax, esi
                add eax, edi
        case "the loaded LDT"           ;= ok eax=00000068
                fill TSS_B, ..@c2, STACK_B
                mov word [TSS_B + 0x60], SEL_LDT
                jmp SEL_B:0
..@c2:          sldt eax
        case "a null LDT"               ;= ok eax=00000000
                fill TSS_B, ..@c3, STACK_B
                jmp SEL_B:0
..@c3:          sldt eax
        case "TS is set"                ;= #NM at eax=00000000
                fill TSS_B, ..@c4, STACK_B
                jmp SEL_B:0
..@c4:
        op      fnop
        case "CR3 without paging is not loaded" ;= ok eax=00300000
                mov eax, 0x300000
                mov cr3, eax
                fill TSS_B, ..@c5, STACK_B
                mov dword [TSS_B + 0x1C], 0x301000
                jmp SEL_B:0
..@c5:          mov eax, cr3
        case "DR7: local enables are cleared"   ;= ok eax=000006AA
                mov eax, 0x7FF
                mov dr7, eax
                fill TSS_B, ..@c6, STACK_B
                jmp SEL_B:0
..@c6:          mov eax, dr7
        case "to ring 3"                ;= #GP(0000) at eax=00000000
                fill TSS_B, ..@c7, STACK3
                mov word [TSS_B + 0x4C], CODE3
                mov word [TSS_B + 0x50], DATA3
                mov word [TSS_B + 0x48], DATA3
                mov word [TSS_B + 0x54], DATA3
                mov dword [TSS_B + 4], STACK0
                mov dword [TSS_B + 8], DATA0
                jmp SEL_B:0
..@c7:  op      hlt
        case "to virtual-8086 mode"     ;= #GP(0000) at eax=00000000
                fill TSS_B, OFF16(..@c8), 0, 0x20002
                mov word [TSS_B + 0x4C], HMA
                mov dword [TSS_B + 4], STACK0
                mov dword [TSS_B + 8], DATA0
                jmp SEL_B:0
bits 16
..@c8:  op      hlt
        case "an exception pushes its error code on the task's stack"   ;= ok eax=00000010
                fill TSS_B, ..@c9, STACK_B
                putgate IDT + 13 * 8, SEL_B, 0, G_TASK, 0
                mov ax, DATA0 + 3
                mov ds, ax
                ud2
..@c9:          pop eax
        case "by 32 bits"               ;= ok eax=00217FFC
                fill TSS_B, ..@c10, STACK_B
                putgate IDT + 13 * 8, SEL_B, 0, G_TASK, 0
                mov ax, DATA0 + 3
                mov ds, ax
                ud2
..@c10:         mov eax, esp
        case "by 16 bits on that of a 16-bit task"      ;= ok eax=00100010
                fill16 ..@c11
                putgate IDT + 13 * 8, SEL_C, 0, G_TASK, 0
                mov ax, DATA0 + 3
                mov ds, ax
                ud2
bits 16
..@c11:         pop ax
                shl eax, 16
                mov ax, LOW0
                sub ax, sp
                add ax, 0x10

; ---- what stops a switch, in the old task ----
show S_TR | S_CS
        case "JMP to the busy task"     ;= #GP(0070) at cs=0008 tr=0070
        op      jmp SEL_A:0
        case "CALL of the busy task"    ;= #GP(0070) at cs=0008 tr=0070
        op      call SEL_A:0
        case "TSS of DPL 0 at CPL 3"    ;= #GP(0078) at cs=004B tr=0070
                ring 3
        op      jmp SEL_B:0
        case "TSS of DPL 0 with RPL 1"  ;= #GP(0078) at cs=0008 tr=0070
        op      jmp SEL_B + 1:0
        case "TSS of DPL 3 at CPL 3"    ;= ok cs=0008 tr=007B
                or byte [GDT + SEL_B + 5], 0x60
                fill TSS_B, ..@d1, STACK_B
                ring 3
        op      jmp SEL_B + 3:0
..@d1:
        case "a gate of DPL 3 to a TSS of DPL 0 at CPL 3"       ;= ok cs=0008 tr=0078
                putgate GDT + T0, SEL_B, 0, G_TASK | DPL(3), 0
                fill TSS_B, ..@d2, STACK_B
                ring 3
        op      jmp T0 + 3:0
..@d2:
        case "a gate of DPL 0 at CPL 3" ;= #GP(0090) at cs=004B tr=0070
                putgate GDT + T0, SEL_B, 0, G_TASK, 0
                ring 3
        op      jmp T0 + 3:0
        case "TSS not present"          ;= #NP(0078) at cs=0008 tr=0070
                and byte [GDT + SEL_B + 5], 0x7F
        op      jmp SEL_B:0
        case "gate not present"         ;= #NP(0090) at cs=0008 tr=0070
                putgate GDT + T0, SEL_B, 0, G_TASK & ~0x80, 0
        op      jmp T0:0
        case "gate to null"             ;= #GP(0000) at cs=0008 tr=0070
                putgate GDT + T0, 0, 0, G_TASK, 0
        op      jmp T0:0
        case "gate to code"             ;= #GP(0008) at cs=0008 tr=0070
                putgate GDT + T0, CODE0, 0, G_TASK, 0
        op      jmp T0:0
        case "gate to the busy task"    ;= #GP(0070) at cs=0008 tr=0070
                putgate GDT + T0, SEL_A, 0, G_TASK, 0
        op      call T0:0
        case "gate to a TSS that is not present"        ;= #NP(0078) at cs=0008 tr=0070
                putgate GDT + T0, SEL_B, 0, G_TASK, 0
                and byte [GDT + SEL_B + 5], 0x7F
        op      jmp T0:0
        case "gate into the LDT"        ;= #GP(000C) at cs=0008 tr=0070
                put LDT + 8, TSS_B, 0x67, 0x89, 0
                putgate GDT + T0, 0xC, 0, G_TASK, 0
        op      jmp T0:0
        case "gate past the table"      ;= #GP(0300) at cs=0008 tr=0070
                putgate GDT + T0, GDT_LIMIT + 1, 0, G_TASK, 0
        op      jmp T0:0
        case "TSS in the LDT"           ;= #GP(000C) at cs=0008 tr=0070
                put LDT + 8, TSS_B, 0x67, 0x89, 0
        op      jmp 0xC:0
        case "32-bit TSS too short"     ;= #TS(0078) at cs=0008 tr=0070
                put GDT + SEL_B, TSS_B, 0x66, 0x89, 0
        op      jmp SEL_B:0
        case "16-bit TSS too short"     ;= #TS(0080) at cs=0008 tr=0070
                put GDT + SEL_C, TSS_C, 0x2A, 0x81, 0
        op      jmp SEL_C:0
        case "INT through a gate to the busy task"      ;= #GP(0070) at cs=0008 tr=0070
                putgate IDT + 0x31 * 8, SEL_A, 0, G_TASK, 0
        op      int 0x31
        case "an exception through a gate to the busy task: EXT"        ;= #GP(0071) at cs=0008 tr=0070
                putgate IDT + 6 * 8, SEL_A, 0, G_TASK, 0
        op      ud2
        case "INT through a task gate of DPL 0 at CPL 3"        ;= #GP(018A) at cs=004B tr=0070
                putgate IDT + 0x31 * 8, SEL_B, 0, G_TASK, 0
                ring 3
        op      int 0x31
        case "INT to a TSS that is too short"   ;= #TS(0078) at cs=0008 tr=0070
                put GDT + SEL_B, TSS_B, 0x66, 0x89, 0
                putgate IDT + 0x31 * 8, SEL_B, 0, G_TASK, 0
        op      int 0x31
        case "IRET to a task that is not busy"  ;= #TS(0078) at cs=0008 tr=0070
                mov word [TSS_A], SEL_B
                push dword NT | 2
                popfd
        op      iretd
        case "IRET to null"             ;= #TS(0000) at cs=0008 tr=0070
                mov word [TSS_A], 0
                push dword NT | 2
                popfd
        op      iretd
        case "IRET to code"             ;= #TS(0008) at cs=0008 tr=0070
                mov word [TSS_A], CODE0
                push dword NT | 2
                popfd
        op      iretd
        case "IRET to a TSS in the LDT" ;= #TS(000C) at cs=0008 tr=0070
                put LDT + 8, TSS_B, 0x67, 0x8B, 0
                mov word [TSS_A], 0xC
                push dword NT | 2
                popfd
        op      iretd
        case "IRET past the table"      ;= #TS(0300) at cs=0008 tr=0070
                mov word [TSS_A], GDT_LIMIT + 1
                push dword NT | 2
                popfd
        op      iretd
        case "IRET to a busy task that is not present"  ;= #NP(0078) at cs=0008 tr=0070
                put GDT + SEL_B, TSS_B, 0x67, 0x0B, 0
                mov word [TSS_A], SEL_B
                push dword NT | 2
                popfd
        op      iretd
; ---- what is wrong with the new task, found in it ----
; It is handled in a third task, which says the error code in EAX and, by its back link in EBX, in which task it was raised: the new
; one may have no stack and no code segment (vol. 3, 6.15, #TS).
show S_TR | S_EAX | S_EBX
        case "LDT past the table"       ;= ok eax=00000300 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w40, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x60], GDT_LIMIT + 1
                jmp SEL_B:0
..@w40:         pop eax
                movzx ebx, word [TSS_D]
        case "LDT in the LDT"           ;= ok eax=0000006C ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w41, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x60], SEL_LDT | 4
                jmp SEL_B:0
..@w41:         pop eax
                movzx ebx, word [TSS_D]
        case "a TSS as LDT"             ;= ok eax=00000088 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w42, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x60], SEL_D
                jmp SEL_B:0
..@w42:         pop eax
                movzx ebx, word [TSS_D]
        case "LDT not present"          ;= ok eax=00000068 ebx=00000078 tr=0088
                and byte [GDT + SEL_LDT + 5], 0x7F
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w43, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x60], SEL_LDT
                jmp SEL_B:0
..@w43:         pop eax
                movzx ebx, word [TSS_D]
        case "CS null"                  ;= ok eax=00000000 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w1, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x4c], 0
                jmp SEL_B:0
..@w1:          pop eax
                movzx ebx, word [TSS_D]
        case "CS past the table"        ;= ok eax=00000300 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w2, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x4c], GDT_LIMIT + 1
                jmp SEL_B:0
..@w2:          pop eax
                movzx ebx, word [TSS_D]
        case "CS is data"               ;= ok eax=00000010 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w3, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x4c], DATA0
                jmp SEL_B:0
..@w3:          pop eax
                movzx ebx, word [TSS_D]
        case "CS of DPL 3 with RPL 0"   ;= ok eax=00000048 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w4, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x4c], CODE3 - 3
                jmp SEL_B:0
..@w4:          pop eax
                movzx ebx, word [TSS_D]
        case "CS of DPL 0 with RPL 3"   ;= ok eax=00000008 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w5, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x4c], CODE0 + 3
                jmp SEL_B:0
..@w5:          pop eax
                movzx ebx, word [TSS_D]
        case "CS not present"           ;= ok eax=00000090 ebx=00000078 tr=0088
                put GDT + T0, 0, 0xFFFFF, A_CODE & ~0x80, F_32 | F_G
                putgate IDT + 11 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w6, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x4c], T0
                jmp SEL_B:0
..@w6:          pop eax
                movzx ebx, word [TSS_D]
        case "SS null"                  ;= ok eax=00000000 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w7, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x50], 0
                jmp SEL_B:0
..@w7:          pop eax
                movzx ebx, word [TSS_D]
        case "SS past the table"        ;= ok eax=00000300 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w8, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x50], GDT_LIMIT + 1
                jmp SEL_B:0
..@w8:          pop eax
                movzx ebx, word [TSS_D]
        case "SS is code"               ;= ok eax=00000008 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w9, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x50], CODE0
                jmp SEL_B:0
..@w9:          pop eax
                movzx ebx, word [TSS_D]
        case "SS read-only"             ;= ok eax=00000090 ebx=00000078 tr=0088
                put GDT + T0, 0, 0xFFFFF, A_DATARO, F_32 | F_G
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w10, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x50], T0
                jmp SEL_B:0
..@w10:          pop eax
                movzx ebx, word [TSS_D]
        case "SS of DPL 3"              ;= ok eax=00000050 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w11, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x50], DATA3 - 3
                jmp SEL_B:0
..@w11:          pop eax
                movzx ebx, word [TSS_D]
        case "SS with RPL 3"            ;= ok eax=00000010 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w12, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x50], DATA0 + 3
                jmp SEL_B:0
..@w12:          pop eax
                movzx ebx, word [TSS_D]
        case "SS not present"           ;= ok eax=00000090 ebx=00000078 tr=0088
                put GDT + T0, 0, 0xFFFFF, A_DATA & ~0x80, F_32 | F_G
                putgate IDT + 12 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w13, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x50], T0
                jmp SEL_B:0
..@w13:          pop eax
                movzx ebx, word [TSS_D]
        case "DS past the table"        ;= ok eax=00000300 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w14, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x54], GDT_LIMIT + 1
                jmp SEL_B:0
..@w14:          pop eax
                movzx ebx, word [TSS_D]
        case "ES execute-only"          ;= ok eax=00000090 ebx=00000078 tr=0088
                put GDT + T0, 0, 0xFFFFF, A_CODEXO, F_32 | F_G
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w15, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x48], T0
                jmp SEL_B:0
..@w15:          pop eax
                movzx ebx, word [TSS_D]
        case "FS of DPL 0 with RPL 3"   ;= ok eax=00000010 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w16, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x58], DATA0 + 3
                jmp SEL_B:0
..@w16:          pop eax
                movzx ebx, word [TSS_D]
        case "GS not present"           ;= ok eax=00000090 ebx=00000078 tr=0088
                put GDT + T0, 0, 0xFFFFF, A_DATA & ~0x80, F_32 | F_G
                putgate IDT + 11 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w17, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x5c], T0
                jmp SEL_B:0
..@w17:          pop eax
                movzx ebx, word [TSS_D]
        case "GS is a TSS"              ;= ok eax=00000088 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w18, STACK_D
                fill TSS_B, r0_stub, STACK_B
                mov word [TSS_B + 0x5c], SEL_D
                jmp SEL_B:0
..@w18:          pop eax
                movzx ebx, word [TSS_D]
        case "EIP beyond the limit"     ;= ok eax=00000000 ebx=00000078 tr=0088
                put GDT + T0, 0, 0xFFF, A_CODE, F_32
                putgate IDT + 13 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w30, STACK_D
                fill TSS_B, 0x1000, STACK_B
                mov word [TSS_B + 0x4C], T0
                jmp SEL_B:0
..@w30:         pop eax
                movzx ebx, word [TSS_D]
        case "no room for the error code is a double fault"     ;= ok eax=00000000 ebx=00000078 tr=0088
                put GDT + T0, 0, 0xFFF, A_DATA, F_32
                putgate IDT + 8 * 8, SEL_D, 0, G_TASK, 0
                putgate IDT + 13 * 8, SEL_B, 0, G_TASK, 0
                fill TSS_D, ..@w31, STACK_D
                fill TSS_B, r0_stub, 0x2000
                mov word [TSS_B + 0x50], T0
                mov ax, DATA0 + 3
                mov ds, ax
                ud2
..@w31:         pop eax
                movzx ebx, word [TSS_D]
        case "the new task's EIP is where its fault is" ;= ok eax=00001234 ebx=00000078 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w32, STACK_D
                fill TSS_B, 0x1234, STACK_B
                mov word [TSS_B + 0x50], 0
                jmp SEL_B:0
..@w32:         movzx ebx, word [TSS_D]
                mov eax, [TSS_B + 0x20]
        case "after a fault in the new task the old one is no longer busy"      ;= ok eax=8B818B89 ebx=00000000 tr=0088
                putgate IDT + 10 * 8, SEL_D, 0, G_TASK, 0
                fill TSS_D, ..@w33, STACK_D
                fill TSS_B, 0x1234, STACK_B
                mov word [TSS_B + 0x50], 0
                jmp SEL_B:0
..@w33:         busies

; ---- the T bit ----
show S_TR | S_FL
        case "T: a debug trap before the task's first instruction"      ;= #DB at dr6=8000 fl=000000 tr=0078
                fill TSS_B, ..@t1, STACK_B
                mov word [TSS_B + 0x64], 1
                jmp SEL_B:0
..@t1:  op      nop
        case "T: by CALL"               ;= #DB at dr6=8000 fl=004000 tr=0078
                fill TSS_B, ..@t2, STACK_B
                mov word [TSS_B + 0x64], 1
                call SEL_B:0
..@t2:  op      nop
        case "T: by an exception"       ;= #DB at dr6=8000 fl=004000 tr=0078
                fill TSS_B, ..@t3, STACK_B
                mov word [TSS_B + 0x64], 1
                putgate IDT + 6 * 8, SEL_B, 0, G_TASK, 0
                ud2
..@t3:  op      nop
        case "T: by IRET"               ;= #DB at dr6=8000 fl=000000 tr=0070
                fill TSS_B, ..@t4, STACK_B
                mov word [TSS_A + 0x64], 1
                call SEL_B:0
        op      jmp ..@t5
..@t4:          iretd
..@t5:

; ---- LTR and LLDT ----
show S_TR
        case "LTR of null"              ;= #GP(0000) at tr=0070
        op      ltr ax
        case "LTR of the busy task"     ;= #GP(0070) at tr=0070
                mov ax, SEL_A
        op      ltr ax
        case "LTR of a TSS that is not present" ;= #NP(0078) at tr=0070
                and byte [GDT + SEL_B + 5], 0x7F
                mov ax, SEL_B
        op      ltr ax
        case "LTR of an LDT"            ;= #GP(0068) at tr=0070
                mov ax, SEL_LDT
        op      ltr ax
        case "LTR in the LDT"           ;= #GP(000C) at tr=0070
                put LDT + 8, TSS_B, 0x67, 0x89, 0
                mov ax, 0xC
        op      ltr ax
        case "LTR past the table"       ;= #GP(0300) at tr=0070
                mov ax, GDT_LIMIT + 1
        op      ltr ax
        case "LTR of a 16-bit TSS"      ;= ok tr=0080
                mov ax, SEL_C
        op      ltr ax
        case "LTR at CPL 3"             ;= #GP(0000) at tr=0070
                ring 3
                mov ax, SEL_B
        op      ltr ax
        case "LLDT of a TSS"            ;= #GP(0078) at tr=0070
                mov ax, SEL_B
        op      lldt ax
        case "LLDT not present"         ;= #NP(0068) at tr=0070
                and byte [GDT + SEL_LDT + 5], 0x7F
                mov ax, SEL_LDT
        op      lldt ax
        case "LLDT in the LDT"          ;= #GP(006C) at tr=0070
                mov ax, SEL_LDT | 4
        op      lldt ax
        case "LLDT past the table"      ;= #GP(0300) at tr=0070
                mov ax, GDT_LIMIT + 1
        op      lldt ax
        case "LLDT at CPL 1"            ;= #GP(0000) at tr=0070
                ring 1
        op      lldt ax
cases_end
