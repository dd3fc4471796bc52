//! Which processor this is: a model, less what was taken away.

use x86::cpuid::{CORE2, Feature, Features, MODELS, Model};
use x86::{cr4, eflags};

/// A model, less what was taken away. Part of a machine's configuration: it does not change while the machine exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    model: &'static Model,
    features: Features,
    cr4: u32,
    eflags: u32,
}

impl Default for Identity {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Identity {
    /// All that there is.
    const DEFAULT: Self = Self::new(&CORE2, &[]);

    /// A model without these features and what needs them.
    #[must_use]
    pub const fn new(model: &'static Model, less: &[Feature]) -> Self {
        let features = model.features.without(Features::of(less));
        // RDPMC came with the family, and no bit tells of it.
        let mut cr4 = if model.family() >= 6 { cr4::PCE } else { 0 };
        let mut n = 0;
        while n < Feature::ALL.len() {
            if features.has(Feature::ALL[n]) {
                cr4 |= Feature::ALL[n].fact().cr4;
            }
            n += 1;
        }
        let mut flags = eflags::ALL;
        if !features.has(Feature::Cpuid) {
            flags &= !eflags::ID;
        }
        if !features.has(Feature::Vme) {
            flags &= !(eflags::VIF | eflags::VIP);
        }
        Self { model, features, cr4, eflags: flags }
    }

    /// From `MODEL[,-FEATURE...]`; an empty text (or "default" in place of the model) is the default. In the names of
    /// features, points, hyphens and underlines do not matter.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split(',').map(str::trim);
        let model = match words.next().unwrap_or_default() {
            "" | "default" => &CORE2,
            name => *MODELS.iter().find(|m| m.name == name).ok_or_else(|| {
                format!("there is no model \"{name}\"; there are {}", list(MODELS.map(|m| m.name)))
            })?,
        };
        let mut less = Vec::new();
        for word in words {
            let Some(name) = word.strip_prefix('-') else {
                return Err(format!("\"{word}\" is not a feature to take away, like -sse2"));
            };
            let known = model.features.iter().find(|f| plain(f.fact().name).eq(plain(name)));
            less.push(known.ok_or_else(|| {
                let has = Self::new(model, &[]).features.iter().map(|f| f.fact().name);
                format!("{} has no feature \"{name}\"; it has {}", model.name, list(has))
            })?);
        }
        Ok(Self::new(model, &less))
    }

    /// What [`Identity::parse`] makes the same processor of: each one has one name.
    #[must_use]
    pub fn name(&self) -> String {
        let whole = Self::new(self.model, &[]).features;
        let missing = whole.iter().filter(|f| !self.has(*f));
        missing.fold(self.model.name.into(), |name, f| name + ",-" + f.fact().name)
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &'static Model {
        self.model
    }

    /// What it has.
    #[must_use]
    pub const fn features(&self) -> Features {
        self.features
    }

    /// Whether it has a feature.
    #[inline]
    #[must_use]
    pub const fn has(&self, feature: Feature) -> bool {
        self.features.has(feature)
    }

    /// The CR4 bits that exist.
    #[must_use]
    pub const fn cr4(&self) -> u32 {
        self.cr4
    }

    /// The EFLAGS bits that exist.
    #[inline]
    #[must_use]
    pub const fn eflags(&self) -> u32 {
        self.eflags
    }

    /// Bits of a physical address.
    #[must_use]
    pub const fn physical_bits(&self) -> u8 {
        if self.has(Feature::Pae) || self.has(Feature::Pse36) { 36 } else { 32 }
    }

    /// The last basic leaf of CPUID.
    #[must_use]
    pub fn max_leaf(&self) -> u32 {
        let basic =
            self.features.iter().filter_map(|f| f.fact().place).map(|p| p.leaf).filter(|n| n >> 31 == 0);
        let xsave = if self.has(Feature::Xsave) { 0xD } else { 0 };
        let topology = if self.has(Feature::X2apic) { 0xB } else { 0 };
        basic.fold(self.model.max_leaf.max(xsave).max(topology), u32::max)
    }
}

fn plain(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().filter(|c| !matches!(c, '.' | '-' | '_')).map(|c| c.to_ascii_lowercase())
}

fn list(names: impl IntoIterator<Item = &'static str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
