//! What a processor can be asked about itself: features, and the models that have them (SDM vol. 2, CPUID).

use crate::cr4;

/// The register a leaf answers in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Register {
    /// EAX.
    Eax,
    /// EBX.
    Ebx,
    /// ECX.
    Ecx,
    /// EDX.
    Edx,
}

/// Where a feature's bit is (sub-leaf 0 where the leaf has several).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Leaf.
    pub leaf: u32,
    /// Register.
    pub register: Register,
    /// Number of the bit.
    pub bit: u8,
}

const fn edx1(bit: u8) -> Option<Place> {
    Some(Place { leaf: 1, register: Register::Edx, bit })
}
const fn ecx1(bit: u8) -> Option<Place> {
    Some(Place { leaf: 1, register: Register::Ecx, bit })
}
const fn ebx7(bit: u8) -> Option<Place> {
    Some(Place { leaf: 7, register: Register::Ebx, bit })
}
const fn ecx7(bit: u8) -> Option<Place> {
    Some(Place { leaf: 7, register: Register::Ecx, bit })
}
const fn edx8(bit: u8) -> Option<Place> {
    Some(Place { leaf: 0x8000_0001, register: Register::Edx, bit })
}

/// What there is to know about a feature.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// Its bit; none if it is found out without CPUID.
    pub place: Option<Place>,
    /// The CR4 bits that come with it.
    pub cr4: u32,
    /// Features without which it makes no sense.
    pub needs: Features,
}

macro_rules! features {
    ($($(#[$doc:meta])* $variant:ident $name:literal, $place:expr, $cr4:expr, [$($needs:ident)*];)*) => {
        /// Something that a processor may have or lack.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Feature {
            $($(#[$doc])* $variant,)*
        }

        impl Feature {
            /// All of them, in the order of their bits.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// What there is to know about it.
            #[must_use]
            pub const fn fact(self) -> Fact {
                match self {
                    $(Self::$variant => Fact {
                        name: $name,
                        place: $place,
                        cr4: $cr4,
                        needs: Features::of(&[$(Self::$needs),*]),
                    },)*
                }
            }
        }
    };
}

features! {
    /// The CPUID instruction, and EFLAGS.ID.
    Cpuid "cpuid", None, 0, [];
    /// x87 on chip.
    Fpu "fpu", edx1(0), 0, [];
    /// Virtual-8086 extensions and protected-mode virtual interrupts.
    Vme "vme", edx1(1), cr4::VME | cr4::PVI, [Cpuid];
    /// Debugging extensions.
    De "de", edx1(2), cr4::DE, [Cpuid];
    /// 4 MB pages.
    Pse "pse", edx1(3), cr4::PSE, [Cpuid];
    /// Time-stamp counter.
    Tsc "tsc", edx1(4), cr4::TSD, [Cpuid];
    /// RDMSR and WRMSR.
    Msr "msr", edx1(5), 0, [Cpuid];
    /// Physical address extension.
    Pae "pae", edx1(6), cr4::PAE, [Cpuid];
    /// Machine-check exception.
    Mce "mce", edx1(7), cr4::MCE, [Cpuid];
    /// CMPXCHG8B.
    Cx8 "cx8", edx1(8), 0, [Cpuid];
    /// On-chip APIC.
    Apic "apic", edx1(9), 0, [Msr];
    /// SYSENTER and SYSEXIT.
    Sep "sep", edx1(11), 0, [Msr];
    /// Memory-type range registers.
    Mtrr "mtrr", edx1(12), 0, [Msr];
    /// Global pages.
    Pge "pge", edx1(13), cr4::PGE, [Cpuid];
    /// Machine-check architecture.
    Mca "mca", edx1(14), 0, [Mce Msr];
    /// CMOVcc, and with an x87 unit FCMOVcc and FCOMI.
    Cmov "cmov", edx1(15), 0, [Cpuid];
    /// Page-attribute table.
    Pat "pat", edx1(16), 0, [Msr];
    /// 36-bit page-size extension.
    Pse36 "pse36", edx1(17), 0, [Pse];
    /// CLFLUSH.
    Clflush "clflush", edx1(19), 0, [Cpuid];
    /// MMX.
    Mmx "mmx", edx1(23), 0, [Cpuid Fpu];
    /// FXSAVE and FXRSTOR.
    Fxsr "fxsr", edx1(24), cr4::OSFXSR, [Cpuid Fpu];
    /// SSE.
    Sse "sse", edx1(25), cr4::OSXMMEXCPT, [Fxsr Mmx];
    /// SSE2.
    Sse2 "sse2", edx1(26), 0, [Sse];
    /// SSE3.
    Sse3 "sse3", ecx1(0), 0, [Sse2];
    /// PCLMULQDQ.
    Pclmulqdq "pclmulqdq", ecx1(1), 0, [Sse2];
    /// SSSE3.
    Ssse3 "ssse3", ecx1(9), 0, [Sse3];
    /// SSE4.1.
    Sse41 "sse4.1", ecx1(19), 0, [Ssse3];
    /// SSE4.2.
    Sse42 "sse4.2", ecx1(20), 0, [Sse41];
    /// The APIC's registers as MSRs.
    X2apic "x2apic", ecx1(21), 0, [Apic];
    /// MOVBE.
    Movbe "movbe", ecx1(22), 0, [Cpuid];
    /// POPCNT.
    Popcnt "popcnt", ecx1(23), 0, [Cpuid];
    /// The APIC's timer runs to a time-stamp.
    TscDeadline "tsc-deadline", ecx1(24), 0, [Apic Tsc];
    /// AES instructions.
    Aes "aes", ecx1(25), 0, [Sse2];
    /// XSAVE, XRSTOR, XGETBV, XSETBV.
    Xsave "xsave", ecx1(26), cr4::OSXSAVE, [Fxsr];
    /// RDRAND.
    Rdrand "rdrand", ecx1(30), 0, [Cpuid];
    /// No supervisor execution of user pages.
    Smep "smep", ebx7(7), cr4::SMEP, [Cpuid];
    /// No supervisor access to user pages, CLAC and STAC.
    Smap "smap", ebx7(20), cr4::SMAP, [Cpuid];
    /// User-mode instruction prevention.
    Umip "umip", ecx7(2), cr4::UMIP, [Cpuid];
    /// No-execute pages.
    Nx "nx", edx8(20), 0, [Pae Msr];
}

/// OSXSAVE, in ECX of leaf 1: CR4.OSXSAVE, for programs to see.
pub const OSXSAVE: u32 = 1 << 27;

/// A set of features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features(u64);

const _: () = assert!(Feature::ALL.len() <= 64, "the set has 64 bits");

impl Features {
    /// These.
    #[must_use]
    pub const fn of(list: &[Feature]) -> Self {
        let mut bits = 0;
        let mut n = 0;
        while n < list.len() {
            bits |= 1 << list[n] as u32;
            n += 1;
        }
        Self(bits)
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn has(self, feature: Feature) -> bool {
        self.0 >> feature as u32 & 1 != 0
    }

    /// Whether all of those are among them.
    #[must_use]
    pub const fn has_all(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// These without those, and without what needs them.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        let mut left = Self(self.0 & !others.0);
        loop {
            let mut next = left;
            let mut n = 0;
            while n < Feature::ALL.len() {
                let feature = Feature::ALL[n];
                if left.has(feature) && !left.has_all(feature.fact().needs) {
                    next.0 &= !(1 << feature as u32);
                }
                n += 1;
            }
            if next.0 == left.0 {
                return left;
            }
            left = next;
        }
    }

    /// One by one, in the order of [`Feature::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.iter().copied().filter(move |f| self.has(*f))
    }
}

/// A cache as leaf 4 describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    /// 1: data, 2: instructions, 3: both.
    pub kind: u8,
    /// Level.
    pub level: u8,
    /// Ways of associativity.
    pub ways: u32,
    /// Sets.
    pub sets: u32,
}

/// Bytes of a cache line, of every cache.
pub const CACHE_LINE: u32 = 64;

/// What is the same for all processors of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name.
    pub name: &'static str,
    /// Type, family, model and stepping: EAX of leaf 1, and EDX after reset.
    pub signature: u32,
    /// The features it comes with.
    pub features: Features,
    /// The last basic leaf; a feature in a later one makes that the last.
    pub max_leaf: u32,
    /// The last extended leaf; 0 if there are none.
    pub max_extended_leaf: u32,
    /// Leaf 2: caches and TLBs by descriptor (SDM vol. 2, table 3-12).
    pub descriptors: [u32; 4],
    /// Leaf 4: the same caches.
    pub caches: &'static [Cache],
}

impl Model {
    /// The family: 4, 5 or 6.
    #[must_use]
    pub const fn family(&self) -> u8 {
        (self.signature >> 8 & 15) as u8
    }
}

/// An Intel486 DX4: the 486 that has CPUID.
pub const I486: Model = Model {
    name: "486",
    signature: 0x480,
    features: Features::of(&[Feature::Cpuid, Feature::Fpu, Feature::Vme]),
    max_leaf: 1,
    max_extended_leaf: 0,
    descriptors: [0; 4],
    caches: &[],
};

/// A Pentium with MMX.
pub const PENTIUM: Model = Model {
    name: "pentium",
    signature: 0x543,
    features: Features::of(&[
        Feature::Cpuid,
        Feature::Fpu,
        Feature::Vme,
        Feature::De,
        Feature::Pse,
        Feature::Tsc,
        Feature::Msr,
        Feature::Mce,
        Feature::Cx8,
        Feature::Apic,
        Feature::Mmx,
    ]),
    max_leaf: 1,
    max_extended_leaf: 0,
    descriptors: [0; 4],
    caches: &[],
};

/// A Pentium III of its second generation.
pub const PENTIUM3: Model = Model {
    name: "pentium3",
    signature: 0x686,
    features: Features::of(&[
        Feature::Cpuid,
        Feature::Fpu,
        Feature::Vme,
        Feature::De,
        Feature::Pse,
        Feature::Tsc,
        Feature::Msr,
        Feature::Pae,
        Feature::Mce,
        Feature::Cx8,
        Feature::Apic,
        Feature::Sep,
        Feature::Mtrr,
        Feature::Pge,
        Feature::Mca,
        Feature::Cmov,
        Feature::Pat,
        Feature::Pse36,
        Feature::Mmx,
        Feature::Fxsr,
        Feature::Sse,
    ]),
    max_leaf: 2,
    max_extended_leaf: 0,
    // 16 KB instructions, 16 KB data, 256 KB unified, 32-byte lines.
    descriptors: [0x0302_0101, 0, 0, 0x0C04_0882],
    caches: &[],
};

/// All that there is of 32-bit mode, under the signature of a late 32-bit Atom (family 6, model 1Ch, stepping 10).
///
/// That is an in-order processor, which systems know not to speculate, so that they leave out the costly workarounds
/// against speculation (separate page tables, retpolines); and a stepping without the errata for which they would
/// switch large pages off. Systems go by the features, not by the signature, for everything else.
pub const CORE2: Model = Model {
    name: "core2",
    signature: 0x0001_06CA,
    features: Features::of(Feature::ALL),
    max_leaf: 10,
    max_extended_leaf: 0x8000_0008,
    // 32 KB instructions, 32 KB data, 512 KB unified.
    descriptors: [0x02B3_B001, 0, 0, 0x2C04_307F],
    caches: &[
        Cache { kind: 1, level: 1, ways: 8, sets: 64 },
        Cache { kind: 2, level: 1, ways: 8, sets: 64 },
        Cache { kind: 3, level: 2, ways: 2, sets: 4096 },
    ],
};

/// The models there are, from the oldest to the newest; the last one is the default.
pub const MODELS: [&Model; 4] = [&I486, &PENTIUM, &PENTIUM3, &CORE2];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_features_share_a_bit_or_a_name() {
        for (n, one) in Feature::ALL.iter().enumerate() {
            assert_eq!(*one as usize, n);
            for other in &Feature::ALL[..n] {
                let (a, b) = (one.fact(), other.fact());
                assert_ne!(a.name, b.name);
                assert!(a.place.is_none() || a.place != b.place, "{} and {}", a.name, b.name);
                assert_eq!(a.cr4 & b.cr4, 0);
            }
        }
    }

    #[test]
    fn taking_one_away_takes_away_what_needs_it() {
        let left = CORE2.features.without(Features::of(&[Feature::Sse2]));
        assert!(left.has(Feature::Sse));
        for gone in [Feature::Sse2, Feature::Sse3, Feature::Sse42, Feature::Aes] {
            assert!(!left.has(gone), "{gone:?}");
        }
        let none = CORE2.features.without(Features::of(&[Feature::Cpuid]));
        assert_eq!(none, Features::of(&[Feature::Fpu]));
    }

    #[test]
    fn every_model_has_what_its_features_need() {
        for model in MODELS {
            assert_eq!(model.features.without(Features::default()), model.features, "{}", model.name);
        }
    }
}
