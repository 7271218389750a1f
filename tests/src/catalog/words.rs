//! What the products of the made-up merchant are called, and how big, heavy and dear they are.

/// A class of products.
pub struct Class {
    pub name: &'static str,
    pub code: &'static str,
    pub nouns: &'static [&'static str],
    pub sizes: &'static [&'static str],
    /// Colors or the like, with their codes in article numbers.
    pub variants: &'static [(&'static str, &'static str)],
    /// Lightest and heaviest.
    pub weight_g: (u32, u32),
    /// Shortest and longest side.
    pub side_mm: (u32, u32),
    /// Cheapest and dearest.
    pub price_minor: (u64, u64),
}

const LETTERS: &[&str] = &["XS", "S", "M", "L", "XL", "XXL"];
const SHOES: &[&str] = &["36", "37", "38", "39", "40", "41", "42", "43", "44", "45"];
const NONE: &[&str] = &[""];

pub const CLASSES: &[Class] = &[
    Class {
        name: "apparel",
        code: "APP",
        nouns: &[
            "Overshirt",
            "Cardigan",
            "T-shirt",
            "Rain jacket",
            "Chinos",
            "Wool scarf",
            "Hoodie",
            "Linen dress",
        ],
        sizes: LETTERS,
        variants: COLORS,
        weight_g: (120, 1_400),
        side_mm: (40, 400),
        price_minor: (1_290, 17_900),
    },
    Class {
        name: "footwear",
        code: "FOO",
        nouns: &["Sneaker", "Ankle boot", "Sandal", "Loafer", "Trail shoe", "Rain boot"],
        sizes: SHOES,
        variants: COLORS,
        weight_g: (400, 1_900),
        side_mm: (110, 350),
        price_minor: (2_990, 22_900),
    },
    Class {
        name: "home",
        code: "HOM",
        nouns: &[
            "Cushion",
            "Throw blanket",
            "Table lamp",
            "Vase",
            "Picture frame",
            "Doormat",
            "Candle holder",
        ],
        sizes: NONE,
        variants: COLORS,
        weight_g: (150, 4_500),
        side_mm: (60, 700),
        price_minor: (790, 12_900),
    },
    Class {
        name: "kitchen",
        code: "KIT",
        nouns: &["Saucepan", "Chef's knife", "Mug", "Cutting board", "Mixing bowl", "Carafe", "Tea towel"],
        sizes: NONE,
        variants: COLORS,
        weight_g: (80, 3_800),
        side_mm: (50, 450),
        price_minor: (490, 14_900),
    },
    Class {
        name: "beauty",
        code: "BEA",
        nouns: &["Hand cream", "Shampoo bar", "Lip balm", "Face oil", "Body scrub", "Bath salts"],
        sizes: &["30 ml", "75 ml", "200 ml"],
        variants: SCENTS,
        weight_g: (15, 450),
        side_mm: (20, 160),
        price_minor: (390, 6_900),
    },
    Class {
        name: "toys",
        code: "TOY",
        nouns: &["Wooden train", "Puzzle, 500 pieces", "Plush fox", "Building set", "Kite", "Card game"],
        sizes: NONE,
        variants: COLORS,
        weight_g: (60, 2_600),
        side_mm: (30, 450),
        price_minor: (490, 7_900),
    },
    Class {
        name: "sports",
        code: "SPO",
        nouns: &["Yoga mat", "Water bottle", "Jump rope", "Bike light", "Climbing chalk", "Gym towel"],
        sizes: NONE,
        variants: COLORS,
        weight_g: (70, 3_200),
        side_mm: (40, 680),
        price_minor: (690, 9_900),
    },
    Class {
        name: "electronics",
        code: "ELE",
        nouns: &["Headphones", "Power bank", "Desk fan", "Radio", "Charging cable", "Kitchen scale"],
        sizes: NONE,
        variants: COLORS,
        weight_g: (40, 2_400),
        side_mm: (25, 380),
        price_minor: (990, 34_900),
    },
    Class {
        name: "stationery",
        code: "STA",
        nouns: &["Notebook", "Fountain pen", "Wall calendar", "Sketch pad", "Washi tape", "Desk organizer"],
        sizes: NONE,
        variants: COLORS,
        weight_g: (12, 900),
        side_mm: (12, 330),
        price_minor: (190, 4_900),
    },
];

pub const STYLES: &[&str] =
    &["Classic", "Everyday", "Nordic", "Harbor", "Compact", "Studio", "Meadow", "Urban", "Heritage", "Light"];

const SCENTS: &[(&str, &str)] = &[
    ("unscented", "UNS"),
    ("lavender", "LAV"),
    ("cedar", "CED"),
    ("orange blossom", "ORA"),
    ("mint", "MIN"),
];

const COLORS: &[(&str, &str)] = &[
    ("charcoal", "CHA"),
    ("navy", "NAV"),
    ("sand", "SAN"),
    ("olive", "OLI"),
    ("white", "WHI"),
    ("rust", "RUS"),
    ("sky blue", "SKY"),
    ("black", "BLA"),
    ("berry", "BER"),
    ("mustard", "MUS"),
];
