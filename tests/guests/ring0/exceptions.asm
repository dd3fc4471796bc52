; Every vector, its error code and whether it is a fault or a trap; privileged instructions at every level; what comes first; double
; faults (SDM vol. 3, 6.3 to 6.15, tables 6-1, 6-2, 6-4, 6-5; 5.9).
; QEMU 7.2: LOCK is taken with MOV and BT (vol. 2, LOCK); #NM comes before the #UD of EM for SSE (vol. 2, table 2-21); SSE raises
; nothing; MSRs that do not exist are taken; there is no #AC; EXT is never set; CR0 takes PG without PE, after which it goes astray, and NW
; without CD (vol. 3, 2.5).
%include "ring0.inc"

PAGES   equ 0x310000

%macro cr0_set 1
                mov eax, cr0
                or eax, %1
                mov cr0, eax
%endmacro

cases
show S_CS
; ---- each vector ----
        case "#DE by zero"              ;= #DE at cs=0008
        op      div ecx
        case "#DE by overflow"          ;= #DE at cs=0008
                mov edx, 1
                mov ecx, 1
        op      div ecx
        case "#DE, IDIV of the least number by -1"      ;= #DE at cs=0008
                mov eax, 0x80000000
                cdq
                mov ecx, -1
        op      idiv ecx
        case "#DE, AAM 0"               ;= #DE at cs=0008
        op      aam 0
        case "#DE at CPL 3"             ;= #DE at cs=004B
                ring 3
        op      div dh
        case "#BP is a trap"            ;= #BP after cs=0008
        op      int3
        case "#OF is a trap"            ;= #OF after cs=0008
                mov al, 0x7F
                inc al
        op      into
        case "#BR is a fault"           ;= #BR at cs=0008
                push dword 10
                push dword 5
                mov eax, 4
        op      bound eax, [esp]
        case "BOUND at the lower end"   ;= ok cs=0008
                push dword 10
                push dword 5
                mov eax, 5
        op      bound eax, [esp]
        case "BOUND at the upper end"   ;= ok cs=0008
                push dword 10
                push dword 5
                mov eax, 10
        op      bound eax, [esp]
        case "BOUND past the upper end" ;= #BR at cs=0008
                push dword 10
                push dword 5
                mov eax, 11
        op      bound eax, [esp]
        case "BOUND is signed"          ;= ok cs=0008
                push dword 10
                push dword -5
                mov eax, -5
        op      bound eax, [esp]
        case "BOUND of a register"      ;= #UD at cs=0008
        op      db 0x62, 0xC0
        case "UD2"                      ;= #UD at cs=0008
        op      ud2
        case "UD1"                      ;= #UD at cs=0008
        op      db 0x0F, 0xB9, 0xC0
        case "LOCK of a register"       ;= #UD at cs=0008
        op      db 0xF0, 0x01, 0xC0
        case "LOCK of MOV"              ;= #UD at cs=0008
        op      db 0xF0, 0x89, 0x00
        case "LOCK of CMP"              ;= #UD at cs=0008
        op      db 0xF0, 0x39, 0x00
        case "LOCK of BT"               ;= #UD at cs=0008
        op      db 0xF0, 0x0F, 0xA3, 0x00
        case "LOCK of BTS in memory"    ;= ok cs=0008
                push eax
        op      lock bts [esp], eax
        case "LEA of a register"        ;= #UD at cs=0008
        op      db 0x8D, 0xC0
        case "0F FF"                    ;= #UD at cs=0008
        op      db 0x0F, 0xFF, 0xC0
        case "FE /7"                    ;= #UD at cs=0008
        op      db 0xFE, 0xF8
        case "CMPXCHG8B of a register"  ;= #UD at cs=0008
        op      db 0x0F, 0xC7, 0xC8
        case "RSM outside system management mode"       ;= #UD at cs=0008
        op      rsm
        case "MOV from CR1"             ;= #UD at cs=0008
        op      db 0x0F, 0x20, 0xC8
        case "MOV to CR5"               ;= #UD at cs=0008
        op      db 0x0F, 0x22, 0xE8
        case "15 bytes"                 ;= ok cs=0008
        op      db 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x90
        case "16 bytes"                 ;= #GP(0000) at cs=0008
        op      db 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x90
        case "#NM with EM"              ;= #NM at cs=0008
                cr0_set 4
        op      fld1
        case "#NM with TS"              ;= #NM at cs=0008
                cr0_set 8
        op      fld1
        case "WAIT with TS and no MP"   ;= ok cs=0008
                mov eax, cr0
                and eax, ~2
                or eax, 8
                mov cr0, eax
        op      fwait
        case "WAIT with TS and MP"      ;= #NM at cs=0008
                cr0_set 10
        op      fwait
        case "WAIT with EM and MP, TS clear"    ;= ok cs=0008
                cr0_set 6
        op      fwait
        case "MMX with EM"              ;= #UD at cs=0008
                cr0_set 4
        op      paddb mm0, mm1
        case "MMX with TS"              ;= #NM at cs=0008
                cr0_set 8
        op      paddb mm0, mm1
        case "SSE without OSFXSR"       ;= #UD at cs=0008
        op      addps xmm0, xmm1
        case "SSE with TS"              ;= #NM at cs=0008
                mov eax, 0x200
                mov cr4, eax
                cr0_set 8
        op      addps xmm0, xmm1
        case "SSE with EM and TS"       ;= #UD at cs=0008
                mov eax, 0x200
                mov cr4, eax
                cr0_set 12
        op      addps xmm0, xmm1
        case "SSE, operand not aligned" ;= #GP(0000) at cs=0008
                mov eax, 0x200
                mov cr4, eax
        op      movaps xmm0, [esp + 4]
        case "#MF with NE, at the next instruction"     ;= #MF at cs=0008
                cr0_set 0x20
                fninit
                push dword 0x37B
                fldcw [esp]
                fld1
                fldz
                fdivp
        op      fwait
                fninit
        case "#MF, not at FNINIT"       ;= ok cs=0008
                cr0_set 0x20
                fninit
                push dword 0x37B
                fldcw [esp]
                fld1
                fldz
                fdivp
        op      fninit
        case "#XM with OSXMMEXCPT"      ;= #XM at cs=0008
                mov eax, 0x600
                mov cr4, eax
                push dword 0x1D80
                ldmxcsr [esp]
                xorps xmm0, xmm0
                rcpss xmm1, xmm0
                mov eax, 1
                cvtsi2ss xmm1, eax
        op      divss xmm1, xmm0
        case "#UD for it without"       ;= #UD at cs=0008
                mov eax, 0x200
                mov cr4, eax
                push dword 0x1D80
                ldmxcsr [esp]
                xorps xmm0, xmm0
                mov eax, 1
                cvtsi2ss xmm1, eax
        op      divss xmm1, xmm0
        case "LDMXCSR of reserved bits" ;= #GP(0000) at cs=0008
                mov eax, 0x200
                mov cr4, eax
                push dword 0x80010000
        op      ldmxcsr [esp]
        case "#AC at CPL 3"             ;= #AC(0000) at cs=004B
                cr0_set 0x40000
                ring 3, 0x40002
        op      mov eax, [esp - 5]
        case "no #AC with AM clear"     ;= ok cs=004B
                ring 3, 0x40002
        op      mov eax, [esp - 5]
        case "no #AC with AC clear"     ;= ok cs=004B
                cr0_set 0x40000
                ring 3
        op      mov eax, [esp - 5]
        case "no #AC at CPL 0"          ;= ok cs=0008
                cr0_set 0x40000
                push dword 0x40002
                popfd
        op      mov eax, [esp - 5]
        case "no #AC at CPL 2"          ;= ok cs=003A
                cr0_set 0x40000
                ring 2, 0x40002
        op      mov eax, [esp - 5]
        case "#AC of a word"            ;= #AC(0000) at cs=004B
                cr0_set 0x40000
                ring 3, 0x40002
        op      mov ax, [esp - 5]
        case "#AC of a write"           ;= #AC(0000) at cs=004B
                cr0_set 0x40000
                ring 3, 0x40002
        op      mov [esp - 6], eax
        case "#AC of PUSH"              ;= #AC(0000) at cs=004B
                cr0_set 0x40000
                ring 3, 0x40002
                dec esp
        op      push eax
        case "#AC of FILD of 8 bytes"   ;= #AC(0000) at cs=004B
                cr0_set 0x40000
                ring 3, 0x40002
                and esp, ~7
        op      fild qword [esp - 12]
        case "no #AC of a byte"         ;= ok cs=004B
                cr0_set 0x40000
                ring 3, 0x40002
        op      mov al, [esp - 5]

; ---- CPL ----
; privileged NAME, INSTRUCTION: at CPL 3.
%macro privileged 2+
        case %1
                ring 3
        op      %2
%endmacro
        privileged "HLT", hlt           ;= #GP(0000) at cs=004B
        privileged "CLTS", clts         ;= #GP(0000) at cs=004B
        privileged "INVD", invd         ;= #GP(0000) at cs=004B
        privileged "WBINVD", wbinvd     ;= #GP(0000) at cs=004B
        privileged "INVLPG", invlpg [esp]       ;= #GP(0000) at cs=004B
        privileged "LGDT", lgdt [esp]   ;= #GP(0000) at cs=004B
        privileged "LIDT", lidt [esp]   ;= #GP(0000) at cs=004B
        privileged "LLDT", lldt ax      ;= #GP(0000) at cs=004B
        privileged "LTR", ltr ax        ;= #GP(0000) at cs=004B
        privileged "LMSW", lmsw ax      ;= #GP(0000) at cs=004B
        privileged "MOV from CR0", mov eax, cr0 ;= #GP(0000) at cs=004B
        privileged "MOV to CR0", mov cr0, eax   ;= #GP(0000) at cs=004B
        privileged "MOV to CR3", mov cr3, eax   ;= #GP(0000) at cs=004B
        privileged "MOV from CR4", mov eax, cr4 ;= #GP(0000) at cs=004B
        privileged "MOV from DR7", mov eax, dr7 ;= #GP(0000) at cs=004B
        privileged "MOV to DR0", mov dr0, eax   ;= #GP(0000) at cs=004B
        privileged "RDMSR", rdmsr       ;= #GP(0000) at cs=004B
        privileged "WRMSR", wrmsr       ;= #GP(0000) at cs=004B
        privileged "CLI", cli           ;= #GP(0000) at cs=004B
        privileged "STI", sti           ;= #GP(0000) at cs=004B
        privileged "IN", in al, 0x80    ;= #GP(0000) at cs=004B
        privileged "OUT", out 0x80, al  ;= #GP(0000) at cs=004B
        privileged "INSB", insb         ;= #GP(0000) at cs=004B
        privileged "OUTSB", outsb       ;= #GP(0000) at cs=004B
        privileged "SYSEXIT", sysexit   ;= #GP(0000) at cs=004B
        privileged "SGDT is not privileged", sgdt [esp - 8]     ;= ok cs=004B
        privileged "SIDT is not privileged", sidt [esp - 8]     ;= ok cs=004B
        privileged "SLDT is not privileged", sldt eax   ;= ok cs=004B
        privileged "STR is not privileged", str eax     ;= ok cs=004B
        privileged "SMSW is not privileged", smsw eax   ;= ok cs=004B
        privileged "RDTSC is not privileged", rdtsc     ;= ok cs=004B
        privileged "POPF is not privileged", popfd      ;= ok cs=004B
        case "HLT at CPL 1"             ;= #GP(0000) at cs=0029
                ring 1
        op      hlt
        case "CLI at CPL 1, IOPL 1"     ;= ok cs=0029
                ring 1, 0x1002
        op      cli
        case "CLI at CPL 2, IOPL 1"     ;= #GP(0000) at cs=003A
                ring 2, 0x1002
        op      cli
        case "IN at CPL 3, IOPL 3"      ;= ok cs=004B
                ring 3, 0x3002
        op      in al, 0x80
        case "RDTSC with TSD"           ;= #GP(0000) at cs=004B
                mov eax, 4
                mov cr4, eax
                ring 3
        op      rdtsc
        case "RDTSC with TSD at CPL 0"  ;= ok cs=0008
                mov eax, 4
                mov cr4, eax
        op      rdtsc

; ---- control registers ----
        case "WRMSR of no register"     ;= #GP(0000) at cs=0008
                mov ecx, 0x12345678
        op      wrmsr
        case "RDMSR of no register"     ;= #GP(0000) at cs=0008
                mov ecx, 0x12345678
        op      rdmsr
show S_CS | S_EAX
        case "LMSW does not clear PE"   ;= ok cs=0008 eax=00000001
                xor eax, eax
        op      lmsw ax
                mov eax, cr0
                and eax, 1
        case "LMSW sets TS, CLTS clears it"     ;= ok cs=0008 eax=00000008
                mov eax, 9
                lmsw ax
                mov eax, cr0
                and eax, 8
        op      clts
                mov ecx, cr0
                and ecx, 8
                add eax, ecx
        case "CR0.ET is one"            ;= ok cs=0008 eax=00000010
                mov eax, cr0
                and eax, ~0x10
        op      mov cr0, eax
                mov eax, cr0
                and eax, 0x10
        case "SMSW of a register is all of CR0" ;= ok cs=0008 eax=00000000
                cr0_set 0x50000
        op      smsw eax
                mov ecx, cr0
                sub eax, ecx
        case "SMSW in memory is a word" ;= ok cs=0008 eax=55550000
                push dword 0x55555555
        op      smsw [esp]
                pop eax
                mov ecx, cr0
                xor ax, cx

; ---- what comes first ----
show S_CS
        case "#UD before #NM"           ;= #UD at cs=0008
                cr0_set 8
        op      db 0xDB, 0xFF
        case "#NM before #GP of the operand"    ;= #NM at cs=0008
                cr0_set 8
                xor eax, eax
                mov fs, ax
        op      fld dword [fs:0]
        case "#UD of LOCK before #GP"   ;= #UD at cs=0008
                xor eax, eax
                mov fs, ax
        op      db 0xF0, 0x64, 0x89, 0x00
        case "#GP of CPL before the operand's"  ;= #GP(0000) at cs=004B
                ring 3
                xor eax, eax
                mov fs, ax
        op      lgdt [fs:0]

; ---- double faults ----
; In a handler of its own, and as task: EAX is the error code, CS:EIP that of the first fault.
show S_CS | S_EAX
%macro nopresent 1
                and byte [IDT + (%1) * 8 + 5], 0x7F
%endmacro
        case "#GP's gate not present"   ;= #DF(0000) at cs=0008 eax=00000013
                nopresent 13
                mov eax, DATA0 + 3
        op      mov ds, ax
        case "#NP's gate not present"   ;= #DF(0000) at cs=0008 eax=00000090
                nopresent 11
                put GDT + T0, 0, 0xFFFF, A_DATA & ~0x80, 0
                mov eax, T0
        op      mov ds, ax
        case "#DE's gate not present"   ;= #DF(0000) at cs=0008 eax=00000000
                nopresent 0
        op      div ecx
        case "#UD's gate not present is no double fault"        ;= #NP(0033) at cs=0008 eax=00000000
                nopresent 6
        op      ud2
        case "#BR's gate not present is none"   ;= #NP(002B) at cs=0008 eax=00000004
                nopresent 5
                push dword 10
                push dword 5
                mov eax, 4
        op      bound eax, [esp]
        case "#NM's gate not present is none"   ;= #NP(003B) at cs=0008 eax=00000000
                nopresent 7
                cr0_set 8
                xor eax, eax
        op      fld1
        case "#AC's gate not present is none"   ;= #NP(008B) at cs=004B eax=00000053
                nopresent 17
                cr0_set 0x40000
                xor eax, eax
                ring 3, 0x40002
        op      mov ebx, [esp - 5]
        case "#UD, then #NP, whose gate is not present" ;= #DF(0000) at cs=0008 eax=00000000
                nopresent 6
                nopresent 11
        op      ud2
        case "INT n's gate not present is none"         ;= #NP(018A) at cs=0008 eax=00000000
                nopresent 0x31
        op      int 0x31
        case "INT 13's gate not present is none"        ;= #NP(006A) at cs=0008 eax=00000000
                nopresent 13
        op      int 13
        case "INT n, then #NP, whose gate is not present"       ;= #DF(0000) at cs=0008 eax=00000000
                nopresent 0x31
                nopresent 11
        op      int 0x31
        case "#TS in #GP"               ;= #DF(0000) at cs=004B eax=00000010
                putgate IDT + 13 * 8, CODE1, ADDR(r0_stub), G_INT32, 0
                mov dword [TSS_A + 16], 0
                ring 3
                mov eax, DATA0
        op      mov ds, ax
        case "#DF by a task gate"       ;= ok cs=0008 eax=00000000
                nopresent 13
                putgate IDT + 8 * 8, SEL_B, 0, G_TASK, 0
                mov dword [TSS_B + 0x20], ..@df
                mov dword [TSS_B + 0x24], 2
                mov dword [TSS_B + 0x38], STACK_B
                mov word [TSS_B + 0x48], DATA0
                mov word [TSS_B + 0x4C], CODE0
                mov word [TSS_B + 0x50], DATA0
                mov word [TSS_B + 0x54], DATA0
                mov eax, DATA0 + 3
..@fault:       mov ds, ax
..@df:          pop eax
                mov ebx, [TSS_A + 0x20]
                sub ebx, ADDR(..@fault)
                or eax, ebx
        case "no stack at CPL 0"        ;= ok cs=0008 eax=00000000
                put GDT + T0, 0, 0xFFF, A_DATA, F_32
                putgate IDT + 8 * 8, SEL_B, 0, G_TASK, 0
                mov dword [TSS_B + 0x20], ..@df2
                mov dword [TSS_B + 0x24], 2
                mov dword [TSS_B + 0x38], STACK_B
                mov word [TSS_B + 0x48], DATA0
                mov word [TSS_B + 0x4C], CODE0
                mov word [TSS_B + 0x50], DATA0
                mov word [TSS_B + 0x54], DATA0
                mov ax, T0
                mov ss, ax
                mov esp, 0x2000
                push eax
                ud2
..@df2:         pop eax
; Last, as QEMU takes them.
show S_CS
        case "CR0: PG without PE"       ;= #GP(0000) at cs=0008
                mov eax, 0x80000010
        op      mov cr0, eax
        case "CR0: NW without CD"       ;= #GP(0000) at cs=0008
                mov eax, cr0
                or eax, 0x20000000
                and eax, ~0x40000000
        op      mov cr0, eax
        case "CR4: a reserved bit"      ;= #GP(0000) at cs=0008
                mov eax, 0x80000000
        op      mov cr4, eax
cases_end
