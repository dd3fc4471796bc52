; Debug exceptions: breakpoints on execution, data and ports, single steps, general detect, RF, and the registers (SDM vol. 3, 17.2,
; 17.3; 6.8.3; table 6-2).
%include "ring0.inc"

TF      equ 0x100
DATA    equ 0x2F0000

; breakpoint N, ADDRESS, KIND (0 execute, 1 write, 2 port, 3 read or write), LENGTH: by the global enable.
%macro breakpoint 4
                mov eax, %2
                mov dr%1, eax
                mov eax, dr7
                or eax, 2 << (2 * %1) | (%3 | (%4 - 1) << 2) << (16 + 4 * %1)
                mov dr7, eax
%endmacro
%macro step 0
                push dword TF | 2
                popfd
%endmacro
%macro resume 0
                mov dword [r0_set_rf], 0x10000
%endmacro

cases
; ---- on execution ----
        case "execution"                ;= #DB at dr6=0001
                breakpoint 0, ..@a1, 0, 1
..@a1:  op      nop
        case "RF lets it pass"          ;= #DB at dr6=0001 ok
                breakpoint 0, ..@a2, 0, 1
                resume
                events 1
..@a2:  op      nop
        case "RF is for one instruction"        ;= #DB after dr6=0001 #DB -0001 dr6=0002 ok
                breakpoint 0, ..@a4, 0, 1
                breakpoint 1, ..@a3, 0, 1
                resume
                events 2
                jmp ..@a4
..@a3:          nop
        op      jmp ..@a5
..@a4:          jmp ..@a3
..@a5:
        case "DR3, local enable"        ;= #DB at dr6=0008
                mov eax, ..@a6
                mov dr3, eax
                mov eax, 0x40
                mov dr7, eax
..@a6:  op      nop
        case "not enabled"              ;= ok
                mov eax, ..@a7
                mov dr3, eax
                mov eax, 0x300
                mov dr7, eax
..@a7:  op      nop
        case "in the middle of an instruction"  ;= ok
                breakpoint 0, ..@a8 + 1, 0, 1
..@a8:  op      mov eax, 0x90909090
        case "two on one instruction"   ;= #DB at dr6=0005
                breakpoint 0, ..@a9, 0, 1
                breakpoint 2, ..@a9, 0, 1
..@a9:  op      nop
        case "before the fault of its instruction"      ;= #DB at dr6=0001 #UD at
                breakpoint 0, ..@a10, 0, 1
                resume
                events 1
..@a10: op      ud2
        case "at CPL 3"                 ;= #DB at dr6=0001
                breakpoint 0, ..@a11, 0, 1
                ring 3
..@a11: op      nop
        case "after MOV SS it is not seen"      ;= ok
                breakpoint 0, ..@a12, 0, 1
                mov ax, ss
                mov ss, ax
..@a12: op      nop
        case "after POP SS it is not seen"      ;= ok
                breakpoint 0, ..@a13, 0, 1
                push ss
                pop ss
..@a13: op      nop
        case "after LSS it is"          ;= #DB at dr6=0001
                push dword DATA0
                push dword STACK_TOP
                breakpoint 0, ..@a14, 0, 1
                lss esp, [esp]
..@a14: op      nop
        case "after STI it is"          ;= #DB at dr6=0001
                breakpoint 0, ..@a15, 0, 1
                sti
..@a15: op      nop
        case "at the target of a far jump"      ;= #DB at dr6=0001
                breakpoint 0, ..@a16, 0, 1
                jmp CODE0:..@a16
                ud2
..@a16: op      nop
        case "at a handler"             ;= #DB at dr6=0001
                breakpoint 0, ..@a17, 0, 1
                putgate IDT + 0x31 * 8, CODE0, ADDR(..@a17), G_INT32, 0
                int 0x31
                ud2
..@a17: op      nop
        case "set while the code is running"    ;= #DB at dr6=0001
                mov ecx, 50
..@a19:         cmp ecx, 10
                jne ..@a20
                breakpoint 0, ..@a20, 0, 1
..@a20: op      dec ecx
                jnz ..@a19

; ---- on data ----
        case "write of a doubleword"    ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
        op      mov [DATA], eax
        case "and it is written"        ;= #DB after dr6=0001 ok
                breakpoint 0, DATA, 1, 4
                events 1
                mov eax, 0x1234
        op      mov [DATA], eax
                cmp [DATA], eax
                je ..@b1
                ud2
..@b1:
        case "a read is no write"       ;= ok
                breakpoint 0, DATA, 1, 4
        op      mov eax, [DATA]
        case "read or write: read"      ;= #DB after dr6=0002
                breakpoint 1, DATA, 3, 4
        op      mov eax, [DATA]
        case "read or write: write"     ;= #DB after dr6=0004
                breakpoint 2, DATA, 3, 4
        op      mov [DATA], al
        case "read or write: no execution"      ;= ok
                breakpoint 0, ..@b2, 3, 4
..@b2:  op      nop
        case "read-modify-write"        ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
        op      inc dword [DATA]
        case "TEST only reads"          ;= ok
                breakpoint 0, DATA, 1, 4
        op      test dword [DATA], 1
        case "the last byte"            ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
        op      mov [DATA + 3], al
        case "the byte behind"          ;= ok
                breakpoint 0, DATA, 1, 4
        op      mov [DATA + 4], al
        case "the byte before"          ;= ok
                breakpoint 0, DATA, 1, 4
        op      mov [DATA - 1], al
        case "over the first byte"      ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
        op      mov [DATA - 1], ax
        case "a word's length"          ;= ok
                breakpoint 0, DATA, 1, 2
        op      mov [DATA + 2], eax
        case "low bits of the address do not count"     ;= #DB after dr6=0001
                breakpoint 0, DATA + 3, 1, 4
        op      mov [DATA], al
        case "a byte's length"          ;= #DB after dr6=0001
                breakpoint 0, DATA + 1, 1, 1
        op      mov [DATA], eax
        case "PUSH"                     ;= #DB after dr6=0001
                breakpoint 0, STACK_TOP - 4, 1, 4
        op      push eax
        case "POP"                      ;= #DB after dr6=0001
                push eax
                breakpoint 0, STACK_TOP - 4, 3, 4
        op      pop eax
        case "CALL"                     ;= #DB +0006 dr6=0001
                breakpoint 0, STACK_TOP - 4, 1, 4
        op      call ..@b3
                nop
..@b3:
        case "far CALL"                 ;= #DB +0008 dr6=0001
                breakpoint 0, STACK_TOP - 8, 1, 4
        op      call CODE0:..@b4
                nop
..@b4:
        case "PUSHF"                    ;= #DB after dr6=0001
                breakpoint 0, STACK_TOP - 4, 1, 4
        op      pushfd
        case "PUSHA"                    ;= #DB after dr6=0001
                breakpoint 0, STACK_TOP - 16, 1, 4
        op      pushad
        case "ENTER"                    ;= #DB after dr6=0001
                breakpoint 0, STACK_TOP - 4, 1, 4
        op      enter 16, 0
        case "STOS"                     ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
                mov edi, DATA
        op      stosd
        case "REP STOS, in the middle"  ;= #DB at dr6=0001 ok
                breakpoint 0, DATA + 8, 1, 4
                events 1
                mov edi, DATA
                mov ecx, 8
        op      rep stosd
        case "REP MOVS, the last"       ;= #DB after dr6=0001 ok
                breakpoint 0, DATA + 28, 1, 4
                events 1
                mov esi, image
                mov edi, DATA
                mov ecx, 8
        op      rep movsd
        case "REP SCAS reads"           ;= #DB at dr6=0001 ok
                mov edi, DATA
                mov ecx, 4
                xor eax, eax
                rep stosd
                breakpoint 0, DATA + 4, 3, 4
                events 1
                xor eax, eax
                mov edi, DATA
                mov ecx, 4
        op      repe scasd
        case "XCHG"                     ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
        op      xchg eax, [DATA]
        case "CMPXCHG that fails writes too"    ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
                mov dword [ss:DATA + 0x100], 0
                mov eax, 0x55AA55AA
        op      cmpxchg [DATA], ecx
        case "FST"                      ;= #DB after dr6=0001
                fninit
                fldz
                breakpoint 0, DATA + 4, 1, 4
        op      fstp qword [DATA]
        case "at CPL 3"                 ;= #DB after dr6=0001
                breakpoint 0, DATA, 1, 4
                ring 3
        op      mov [DATA], eax
        case "a write that faults hits nothing" ;= #GP(0000) at
                breakpoint 0, DATA, 1, 4
                xor eax, eax
                mov es, ax
        op      mov [es:DATA], eax
        case "two at once"              ;= #DB after dr6=0009
                breakpoint 0, DATA, 1, 4
                breakpoint 3, DATA + 4, 1, 1
        op      mov [DATA + 2], eax
        case "data, and execution of the next"  ;= #DB after dr6=0001 #DB after dr6=0002
                breakpoint 0, DATA, 1, 4
                breakpoint 1, ..@b5, 0, 1
                events 1
        op      mov [DATA], eax
..@b5:          nop
        case "MOV SS from memory waits for the next instruction"        ;= #DB after dr6=0001
                mov dword [DATA], DATA0
                breakpoint 0, DATA, 3, 4
                mov ss, [DATA]
        op      nop
        case "a loop"                   ;= #DB after dr6=0001
                breakpoint 0, DATA + 40 * 4, 1, 4
                mov edi, DATA
                mov ecx, 60
..@b6:  op      mov [edi], ecx
                add edi, 4
                dec ecx
                jnz ..@b6

; ---- on ports ----
        case "IN with DE"               ;= #DB after dr6=0001
                mov eax, 8
                mov cr4, eax
                breakpoint 0, 0x80, 2, 1
        op      in al, 0x80
        case "OUT with DE"              ;= #DB after dr6=0001
                mov eax, 8
                mov cr4, eax
                breakpoint 0, 0x80, 2, 1
        op      out 0x80, al
        case "a port beside"            ;= ok
                mov eax, 8
                mov cr4, eax
                breakpoint 0, 0x81, 2, 1
        op      out 0x80, al
        case "a word over the port"     ;= #DB after dr6=0001
                mov eax, 8
                mov cr4, eax
                breakpoint 0, 0x81, 2, 1
        op      in ax, 0x80
        case "OUTSB with DE"            ;= #DB after dr6=0001
                mov eax, 8
                mov cr4, eax
                breakpoint 0, 0x80, 2, 1
                mov edx, 0x80
                mov esi, image
        op      outsb

; ---- steps ----
show S_FL
        case "a step"                   ;= #DB after dr6=4000 fl=000100
                step
        op      nop
        case "three steps"              ;= #DB at dr6=4000 fl=000100 #DB after dr6=4000 fl=000100 #DB +0002 dr6=4000 fl=000100
                events 2
                step
                nop
        op      nop
                nop
        case "of a jump"                ;= #DB +0003 dr6=4000 fl=000100
                step
        op      jmp short ..@c1
                nop
..@c1:
        case "of a CALL"                ;= #DB +0006 dr6=4000 fl=000100
                step
        op      call ..@c2
                nop
..@c2:
        case "INT n clears TF, no step of it"   ;= int31 after fl=000100
                step
        op      int 0x31
        case "after the return from it" ;= int31 after fl=000100 #DB +0003 dr6=4000 fl=000100
                events 1
                step
        op      int 0x31
                nop
                nop
        case "INT3 is not stepped"      ;= #BP after fl=000100
                step
        op      int3
        case "INT1 is not stepped"      ;= #DB after dr6=0000 fl=000100
                step
        op      db 0xF1
        case "INTO that is not taken is"        ;= #DB after dr6=4000 fl=000100
                xor eax, eax
                step
        op      into
        case "INTO that is taken is not"        ;= #OF after fl=000100
                push dword TF | 0x802
                popfd
        op      into
        case "a fault is not stepped"   ;= #UD at fl=000100
                step
        op      ud2
        case "POPF that clears TF is stepped"   ;= #DB after dr6=4000 fl=000000
                push dword 2
                step
        op      popfd
        case "POPF that sets TF is not" ;= #DB +0002 dr6=4000 fl=000100
                push dword TF | 2
        op      popfd
                nop
        case "IRET that sets TF is not" ;= #DB at dr6=4000 fl=000100
                push dword TF | 2
                push dword CODE0
                push dword ..@c3
                iretd
..@c3:          nop
        op      nop
        case "IRET that clears TF is"   ;= #DB at dr6=4000 fl=000000
                push dword 2
                push dword CODE0
                push dword ..@c4
                step
                iretd
                nop
..@c4:  op      nop
        case "MOV SS is not stepped, the next is"       ;= #DB after dr6=4000 fl=000100
                mov ax, ss
                step
                mov ss, ax
        op      nop
        case "POP SS is not stepped, the next is"       ;= #DB after dr6=4000 fl=000100
                push ss
                step
                pop ss
        op      nop
        case "MOV DS is stepped"        ;= #DB after dr6=4000 fl=000100
                mov ax, ds
                step
        op      mov ds, ax
        case "STI is stepped"           ;= #DB after dr6=4000 fl=000300
                step
        op      sti
        case "REP STOS, each turn"      ;= #DB at dr6=4000 fl=000100 #DB at dr6=4000 fl=000100 #DB after dr6=4000 fl=000100
                events 2
                mov edi, DATA
                mov ecx, 3
                step
        op      rep stosd
        case "REP with ECX 0"           ;= #DB after dr6=4000 fl=000100
                mov edi, DATA
                xor ecx, ecx
                step
        op      rep stosd
        case "step and data at once"    ;= #DB after dr6=4001 fl=000100
                breakpoint 0, DATA, 1, 4
                step
        op      mov [DATA], eax
        case "a far jump"               ;= #DB +0008 dr6=4000 fl=000100
                step
        op      jmp CODE0:..@c5
                nop
..@c5:
        case "at CPL 3, from IRET on"   ;= #DB at dr6=4000 fl=000100
                ring 3, TF | 2
                nop
        op      nop
        case "through a call gate to CPL 0"     ;= #DB after dr6=4000 fl=000100
                putgate GDT + T0, CODE0, ADDR(..@c6), G_CALL32 | DPL(3), 0
                ring 3
                step
        op      call T0:0
..@c6:          ud2
        case "PUSHF has TF"             ;= #DB after dr6=4000 fl=000100 #DB +0002 dr6=4000 fl=000100
                events 1
                step
        op      pushfd
                nop
        case "an instruction breakpoint on the next comes after the step"       ;= #DB after dr6=4000 fl=000100 #DB after dr6=0001 fl=000100
                breakpoint 0, ..@c7, 0, 1
                events 1
                step
        op      nop
..@c7:          nop
        case "16-bit code"              ;= #DB after dr6=4000 fl=000100
                ring16 0
                push word TF | 2
                popf
        op      nop
        case "virtual-8086 mode, from IRET on"  ;= #DB at dr6=4000 fl=023100
                v86 0x3102
                nop
        op      nop

; ---- general detect, and the registers ----
show S_EAX
        case "general detect: MOV from DR0"     ;= #DB at dr6=2000 eax=00002000
                mov eax, 0x2000
                mov dr7, eax
        op      mov eax, dr0
        case "general detect: MOV to DR7"       ;= #DB at dr6=2000 eax=00002000
                mov eax, 0x2000
                mov dr7, eax
        op      mov dr7, eax
        case "general detect: MOV from DR6"     ;= #DB at dr6=2000 eax=00002000
                mov eax, 0x2000
                mov dr7, eax
        op      mov ebx, dr6
        case "the handler finds GD clear"       ;= ok eax=00000400
                putgate IDT + 8, CODE0, ADDR(..@d1), G_INT32, 0
                mov eax, 0x2000
                mov dr7, eax
        op      mov eax, dr0
                ud2
..@d1:          mov eax, dr7
        case "general detect at CPL 3 is #GP"   ;= ok eax=00000000
                putgate IDT + 13 * 8, CODE0, ADDR(..@d3), G_INT32, 0
                putgate IDT + 8, CODE0, ADDR(..@d4), G_INT32, 0
                mov eax, 0x2000
                mov dr7, eax
                ring 3
        op      mov eax, dr0
                ud2
..@d3:          mov ecx, dr7                    ; GD is still set: this clears it
                ud2
..@d4:          mov eax, [esp + 12]             ; the error code
        case "DR6 of zeros"             ;= ok eax=FFFF0FF0
                mov dr6, eax
                mov eax, dr6
        case "DR6 of ones"              ;= ok eax=FFFFEFFF
                mov eax, -1
                mov dr6, eax
                mov eax, dr6
                mov ebx, eax
                xor eax, eax
                mov dr6, eax
                mov eax, ebx
        case "DR7 of zeros"             ;= ok eax=00000400
                mov dr7, eax
                mov eax, dr7
        case "DR7 of ones, but GD"      ;= ok eax=FFFF07FF
                mov eax, ~0x2000
                mov dr7, eax
                mov eax, dr7
        case "DR0"                      ;= ok eax=89ABCDEF
                mov eax, 0x89ABCDEF
                mov dr0, eax
                xor eax, eax
                mov eax, dr0
        case "DR4 is DR6"               ;= ok eax=FFFF0FF0
                db 0x0F, 0x21, 0xE0
        case "DR5 is DR7"               ;= ok eax=00000400
                db 0x0F, 0x21, 0xE8
        case "DR4 with DE"              ;= #UD at eax=00000008
                mov eax, 8
                mov cr4, eax
        op      db 0x0F, 0x21, 0xE0
        case "MOV to DR5 with DE"       ;= #UD at eax=00000008
                mov eax, 8
                mov cr4, eax
        op      db 0x0F, 0x23, 0xE8
        case "DR6 keeps what was"       ;= ok eax=FFFF4FF1
                putgate IDT + 8, CODE0, ADDR(..@d2), G_INT32, 0
                breakpoint 0, DATA, 1, 1
                mov eax, 0x4000
                mov dr6, eax
        op      mov [DATA], al
                ud2
..@d2:          mov eax, dr6
show 0
; Last, as QEMU 7.2 crashes.
        case "linear, not an offset"    ;= #DB at dr6=0001
                breakpoint 0, ..@a18, 0, 1
                ring16 0
..@a18: op      nop
cases_end
