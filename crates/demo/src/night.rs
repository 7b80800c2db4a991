//! The plan of a night: which exposures, which sensors, how large.

use crate::fits::Image;
use terms::Timestamp;

/// What a night consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Night {
    /// Exposures one after another.
    pub exposures: u32,
    /// Images of one exposure.
    pub files: u32,
    /// About how large one image is.
    pub file_size_bytes: u64,
    /// Makes one night differ from another.
    pub seed: u64,
    /// Begin of the first exposure.
    pub begun: Timestamp,
}

/// One exposure: a folder of images.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exposure {
    /// Its folder: `MC_20261121_000001`.
    pub name: String,
    /// File name and image, in the order of the sensors.
    pub images: Vec<(String, Image)>,
}

impl Night {
    /// Bytes of one exposure.
    pub fn exposure_bytes(&self) -> u64 {
        let image = Image {
            seed: 0,
            rows: Image::rows_for(self.file_size_bytes),
            exposure: String::new(),
            sensor: String::new(),
            begun: String::new(),
        };
        u64::from(self.files) * image.size_bytes()
    }

    /// The exposures in their order. An exposure begins every 34 s: 30 s of light, the rest for reading out.
    pub fn exposures(&self) -> impl Iterator<Item = Exposure> + '_ {
        (0..self.exposures).map(|number| {
            let begun = self.begun.after(std::time::Duration::from_secs(34 * u64::from(number)));
            let day: String = begun.to_string().chars().take(10).filter(|c| *c != '-').collect();
            let name = format!("MC_{day}_{:06}", number + 1);
            let images = (0..self.files).map(|index| self.image(&name, number, index, begun)).collect();
            Exposure { name, images }
        })
    }

    fn image(&self, exposure: &str, number: u32, index: u32, begun: Timestamp) -> (String, Image) {
        let sensor = sensor(index);
        let image = Image {
            seed: self.seed ^ (u64::from(number) << 32 | u64::from(index)),
            rows: Image::rows_for(self.file_size_bytes),
            exposure: exposure.to_owned(),
            sensor: sensor.clone(),
            begun: begun.to_string().trim_end_matches('Z').to_owned(),
        };
        (format!("{exposure}_{sensor}.fits"), image)
    }
}

/// The name of a sensor in a focal plane of 5 × 5 rafts of 3 × 3 sensors; beyond those 225 they go on by number.
fn sensor(index: u32) -> String {
    let (raft, place) = (index / 9, index % 9);
    if raft < 25 { format!("R{}{}_S{}{}", raft / 5, raft % 5, place / 3, place % 3) } else { format!("X{index:05}") }
}
