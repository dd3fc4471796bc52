//! JavaScript values to options and modules. What is not of the right kind is refused by name.

use crate::bad_option;
use crate::error::Thrown;
use host::block::{BlockError, Completion, Operation, Request, RequestId, SECTOR};
use jit::emit::Linkage;
use js_sys::{Array, BigInt, Date, Object, Reflect, Uint8Array};
use machine::{ClockMode, Config, DriveConfig, DriveName};
use wasm_bindgen::{JsCast, JsValue};

/// The options there are.
const NAMES: [&str; 18] = [
    "memory",
    "clock",
    "jit",
    "jitThreshold",
    "jitRegion",
    "jitLinkage",
    "jitWithout",
    "codeCache",
    "cpu",
    "rtc",
    "seed",
    "entropy",
    "reboot",
    "apic",
    "maxInstructions",
    "hashAt",
    "drives",
    "boot",
];

const WHOLE: &str = "a whole number that is not negative";

/// A plain object of options.
pub(crate) struct Options<'a>(&'a JsValue);

impl<'a> Options<'a> {
    /// Refuses options that do not exist.
    pub(crate) fn new(value: &'a JsValue) -> Result<Self, Thrown> {
        if value.is_null() || value.is_undefined() {
            return Ok(Self(value));
        }
        let object = value.dyn_ref::<Object>().ok_or_else(|| bad_option("options: not an object".into()))?;
        for name in Object::keys(object).iter().filter_map(|name| name.as_string()) {
            if !NAMES.contains(&name.as_str()) {
                return Err(bad_option(format!("{name}: there is no such option")));
            }
        }
        Ok(Self(value))
    }

    fn get(&self, name: &str) -> Option<JsValue> {
        Reflect::get(self.0, &name.into()).ok().filter(|v| !v.is_undefined() && !v.is_null())
    }

    fn with<T>(
        &self,
        name: &str,
        kind: &str,
        convert: impl FnOnce(&JsValue) -> Option<T>,
    ) -> Result<Option<T>, Thrown> {
        let Some(value) = self.get(name) else { return Ok(None) };
        convert(&value).map(Some).ok_or_else(|| bad_option(format!("{name}: not {kind}")))
    }

    /// How hot code is translated; `None` if it is not.
    pub(crate) fn translator(&self) -> Result<Option<jit::engine::Options>, Thrown> {
        let eager = self.with("jit", "true, false or \"eager\"", |v| match v.as_string().as_deref() {
            Some("eager") => Some(Some(true)),
            Some(_) => None,
            None => v.as_bool().map(|on| on.then_some(false)),
        })?;
        let default = jit::engine::Options::default();
        let cache = self.with("codeCache", WHOLE, whole)?;
        let threshold = self.with("jitThreshold", WHOLE, |v| u32::try_from(whole(v)?).ok())?;
        let region = self.with("jitRegion", WHOLE, |v| usize::try_from(whole(v)?).ok())?;
        let linkage =
            self.with("jitLinkage", "\"tail-call\" or \"return\"", |v| match v.as_string()?.as_str() {
                "tail-call" => Some(Linkage::TailCall),
                "return" => Some(Linkage::Return),
                _ => None,
            })?;
        let without = self.with("jitWithout", "a string", JsValue::as_string)?.unwrap_or_default();
        let names = without.split(',').map(str::trim).filter(|name| !name.is_empty());
        let passes = names.into_iter().try_fold(default.passes, |on, name| {
            on.without(name).ok_or_else(|| {
                let passes = jit::opt::PASSES.map(|pass| pass.name).join(", ");
                bad_option(format!("jitWithout: there is no pass {name}; there are {passes}"))
            })
        })?;
        let cache_bytes = cache.map_or(default.cache_bytes, |n| usize::try_from(n).unwrap_or(usize::MAX));
        Ok(eager.unwrap_or(Some(false)).map(|eager| jit::engine::Options {
            threshold: if eager { 0 } else { threshold.unwrap_or(default.threshold) },
            batch: if eager { 1 } else { default.batch },
            cache_bytes,
            region_insns: region.unwrap_or(default.region_insns),
            passes,
            linkage,
        }))
    }

    pub(crate) fn config(&self) -> Result<Config, Thrown> {
        let default = Config::default();
        let clock = self.with("clock", "\"real\" or \"counted\"", |v| match v.as_string()?.as_str() {
            "real" => Some(ClockMode::Real),
            "counted" => Some(ClockMode::Counted),
            _ => None,
        })?;
        let clock = clock.unwrap_or_default();
        let rtc = match (self.with("rtc", WHOLE, whole)?, clock) {
            (Some(rtc), _) => rtc,
            (None, ClockMode::Counted) => default.rtc,
            (None, ClockMode::Real) => (Date::now() / 1000.0) as u64,
        };
        let entropy = self.with("entropy", "a Uint8Array of 32 bytes", |v| {
            <[u8; 32]>::try_from(v.dyn_ref::<Uint8Array>()?.to_vec()).ok()
        })?;
        let memory = self.with("memory", "a number of megabytes", |v| u32::try_from(whole(v)?).ok())?;
        Ok(Config {
            memory_mb: memory.unwrap_or(default.memory_mb),
            clock,
            cpu: self.with("cpu", "a string", JsValue::as_string)?.unwrap_or_default(),
            rtc,
            seed: self.with("seed", WHOLE, whole)?,
            entropy,
            apic: self.with("apic", "true or false", JsValue::as_bool)?.unwrap_or(true),
            reboot: self.with("reboot", "true or false", JsValue::as_bool)?.unwrap_or(true),
            drives: self.drives()?,
            boot_order: self.with("boot", "a string", JsValue::as_string)?.unwrap_or(default.boot_order),
            max_instructions: self.with("maxInstructions", WHOLE, whole)?,
            hash_at: self
                .with("hashAt", "an array of whole numbers", |v| {
                    v.dyn_ref::<Array>()?.iter().map(|n| whole(&n)).collect()
                })?
                .unwrap_or_default(),
        })
    }
}

impl Options<'_> {
    /// The drives: `{ name, cdrom, sectors, readOnly, writeThrough }` each.
    fn drives(&self) -> Result<Vec<DriveConfig>, Thrown> {
        const KIND: &str = "an array of drives";
        let list =
            self.with("drives", KIND, |v| v.dyn_ref::<Array>().map(Array::to_vec))?.unwrap_or_default();
        list.iter().map(|v| drive(v).ok_or_else(|| bad_option(format!("drives: not {KIND}")))).collect()
    }
}

fn drive(value: &JsValue) -> Option<DriveConfig> {
    let get =
        |name: &str| Reflect::get(value, &name.into()).ok().filter(|v| !v.is_undefined() && !v.is_null());
    let flag = |name: &str| get(name).map_or(Some(false), |v| v.as_bool());
    Some(DriveConfig {
        name: DriveName::from_name(&get("name")?.as_string()?)?,
        cdrom: flag("cdrom")?,
        sectors: get("sectors").map(|v| whole(&v).ok_or(())).transpose().ok()?,
        read_only: flag("readOnly")?,
        write_through: flag("writeThrough")?,
    })
}

/// A drive's request as an object: `{ drive, id, kind, first, sectors, data }`.
pub(crate) fn request(drive: DriveName, Request { id, operation }: Request) -> Result<JsValue, JsValue> {
    let (kind, first, sectors, data) = match operation {
        Operation::Read { first, sectors } => ("read", first, u64::from(sectors), None),
        Operation::Write { first, data } => ("write", first, (data.len() / SECTOR) as u64, Some(data)),
        Operation::Flush => ("flush", 0, 0, None),
    };
    let object = Object::new();
    let set = |name: &str, value: JsValue| Reflect::set(&object, &name.into(), &value).map(|_| ());
    set("drive", drive.name().into())?;
    set("id", (id.0 as f64).into())?;
    set("kind", kind.into())?;
    set("first", (first as f64).into())?;
    set("sectors", (sectors as f64).into())?;
    if let Some(data) = data {
        set("data", Uint8Array::from(data.as_slice()).into())?;
    }
    Ok(object.into())
}

/// An answer: bytes, or the number of an error (`DiskError` of www/vm/drives.js).
pub(crate) fn completion(id: f64, bytes: Option<Vec<u8>>, error: u32) -> Completion {
    let result = match error {
        0 => Ok(bytes.unwrap_or_default()),
        1 => Err(BlockError::NoMedium),
        2 => Err(BlockError::OutOfRange),
        3 => Err(BlockError::ReadOnly),
        _ => Err(BlockError::Failed),
    };
    Completion { id: RequestId(id as u64), result }
}

/// A number or a bigint.
fn whole(value: &JsValue) -> Option<u64> {
    if let Some(n) = value.as_f64() {
        return (n >= 0.0 && n.fract() == 0.0 && n < 2f64.powi(64)).then_some(n as u64);
    }
    u64::try_from(value.dyn_ref::<BigInt>()?.clone()).ok()
}

/// A module of a multiboot kernel: `{ bytes, cmdline }`.
pub(crate) fn module(value: &JsValue) -> Result<(Vec<u8>, String), Thrown> {
    let get = |name: &str| Reflect::get(value, &name.into()).ok();
    let bytes = get("bytes").and_then(|v| v.dyn_into::<Uint8Array>().ok());
    let cmdline = get("cmdline").and_then(|v| v.as_string());
    match bytes {
        Some(bytes) => Ok((bytes.to_vec(), cmdline.unwrap_or_default())),
        None => Err(bad_option("modules: not objects with bytes and cmdline".into())),
    }
}
