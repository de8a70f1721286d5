"""The facts behind the sample: places, components and what each economy is good at.

Places are real industrial parks and towns; coordinates are rounded to a hundredth of a degree,
about 1 km. HS codes are 6-digit codes of HS 2022. Weights, volumes, prices and working times are
plausible figures for parts of this kind, not quotations.
"""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A town or park, its economy and where it lies, in degrees."""

    place: str
    name: str
    economy: str
    latitude: float
    longitude: float
    park: str


class Component(NamedTuple):
    """A component as bought: packed weight and volume, price level, working time, who buys it."""

    component: str
    name: str
    hs: str
    family: str
    grams: float
    cm3: float
    price_usd: float
    minutes: float
    electronics: int
    """Units that the electronics plant needs; 0: none."""
    cars: int
    """Units that the car-parts firm needs; 0: none."""
    standards: str


class Economy(NamedTuple):
    """What sourcing from an economy is like."""

    economy: str
    suppliers: int
    currency: str
    """Currency of about half of the bids; the others are in US dollars."""
    price_level: float
    defect_level: float
    families: str
    """The families it is strong in, the strongest repeated."""
    names: str
    """Syllables of the invented firm names."""


PLACES = tuple(Place(*row) for row in (
    ("bac-ninh-vsip", "Tu Son", "VN", 21.10, 105.97, "VSIP Bac Ninh"),
    ("bac-ninh-que-vo", "Que Vo", "VN", 21.14, 106.12, "Que Vo Industrial Park"),
    ("hanoi-thang-long", "Dong Anh", "VN", 21.12, 105.78, "Thang Long Industrial Park"),
    ("hai-phong-trang-due", "An Duong", "VN", 20.84, 106.57, "Trang Due Industrial Park"),
    ("da-nang-hoa-khanh", "Da Nang", "VN", 16.08, 108.14, "Hoa Khanh Industrial Park"),
    ("binh-duong-vsip", "Thuan An", "VN", 10.93, 106.71, "VSIP Binh Duong I"),
    ("dong-nai-amata", "Bien Hoa", "VN", 10.94, 106.88, "Amata City Bien Hoa"),
    ("hai-phong-port", "Port of Hai Phong", "VN", 20.87, 106.68, ""),
    ("rayong-eastern-seaboard", "Pluak Daeng", "TH", 12.99, 101.12,
     "Eastern Seaboard Industrial Estate"),
    ("chonburi-amata", "Phan Thong", "TH", 13.43, 101.01, "Amata City Chonburi"),
    ("laem-chabang-estate", "Si Racha", "TH", 13.10, 100.91, "Laem Chabang Industrial Estate"),
    ("samut-prakan-bangpoo", "Bang Pu", "TH", 13.53, 100.66, "Bangpoo Industrial Estate"),
    ("pathum-thani-navanakorn", "Khlong Luang", "TH", 14.11, 100.60, "Nava Nakorn"),
    ("ayutthaya-hi-tech", "Bang Pa-in", "TH", 14.23, 100.64, "Hi-Tech Industrial Estate"),
    ("lamphun-northern", "Lamphun", "TH", 18.58, 99.04, "Northern Region Industrial Estate"),
    ("laem-chabang-port", "Port of Laem Chabang", "TH", 13.08, 100.88, ""),
    ("penang-bayan-lepas", "Bayan Lepas", "MY", 5.31, 100.29, "Bayan Lepas Free Industrial Zone"),
    ("kulim-hi-tech", "Kulim", "MY", 5.42, 100.59, "Kulim Hi-Tech Park"),
    ("selangor-shah-alam", "Shah Alam", "MY", 3.05, 101.53, ""),
    ("johor-senai", "Senai", "MY", 1.60, 103.65, "Senai Industrial Park"),
    ("cikarang-jababeka", "Cikarang", "ID", -6.29, 107.15, "Jababeka Industrial Estate"),
    ("cibitung-mm2100", "Cibitung", "ID", -6.31, 107.09, "MM2100 Industrial Town"),
    ("karawang-kiic", "Karawang", "ID", -6.36, 107.28, "Karawang International Industrial City"),
    ("batam-batamindo", "Batam", "ID", 1.07, 104.03, "Batamindo Industrial Park"),
    ("laguna-technopark", "Santa Rosa", "PH", 14.25, 121.06, "Laguna Technopark"),
    ("cavite-zone", "Rosario", "PH", 14.41, 120.86, "Cavite Economic Zone"),
    ("cebu-mactan", "Lapu-Lapu", "PH", 10.31, 123.97, "Mactan Economic Zone"),
    ("singapore-jurong", "Jurong", "SG", 1.32, 103.70, "Jurong Industrial Estate"),
    ("singapore-ang-mo-kio", "Ang Mo Kio", "SG", 1.38, 103.86, "Ang Mo Kio Industrial Park"),
    ("shenzhen-longhua", "Shenzhen", "CN", 22.66, 114.03, ""),
    ("dongguan-songshan", "Dongguan", "CN", 22.92, 113.88, "Songshan Lake High-Tech Zone"),
    ("nanning", "Nanning", "CN", 22.82, 108.32, "Nanning High-Tech Zone"),
    ("suzhou-park", "Suzhou", "CN", 31.32, 120.72, "Suzhou Industrial Park"),
    ("ningbo-beilun", "Ningbo", "CN", 29.90, 121.84, "Beilun"),
    ("hsinchu-park", "Hsinchu", "TW", 24.78, 121.00, "Hsinchu Science Park"),
    ("taoyuan", "Taoyuan", "TW", 24.99, 121.30, ""),
    ("taichung-precision", "Taichung", "TW", 24.21, 120.60, "Taichung Precision Machinery Park"),
    ("ansan-banwol", "Ansan", "KR", 37.31, 126.79, "Banwol-Sihwa"),
    ("gumi", "Gumi", "KR", 36.11, 128.38, "Gumi National Industrial Complex"),
    ("changwon", "Changwon", "KR", 35.22, 128.66, "Changwon National Industrial Complex"),
    ("hamamatsu", "Hamamatsu", "JP", 34.71, 137.73, ""),
    ("higashiosaka", "Higashiosaka", "JP", 34.68, 135.60, ""),
    ("suwa", "Suwa", "JP", 36.04, 138.11, ""),
    ("chennai-sriperumbudur", "Sriperumbudur", "IN", 12.97, 79.94, "SIPCOT Sriperumbudur"),
    ("pune-chakan", "Chakan", "IN", 18.76, 73.86, "MIDC Chakan"),
    ("gurugram-manesar", "Manesar", "IN", 28.36, 76.94, "IMT Manesar"),
    ("phnom-penh-zone", "Phnom Penh", "KH", 11.52, 104.79, "Phnom Penh Special Economic Zone"),
    ("poipet", "Poipet", "KH", 13.65, 102.57, "Poi Pet Special Economic Zone"),
    ("savannakhet-savan", "Savannakhet", "LA", 16.58, 104.78, "Savan Park"),
    ("vientiane-vita", "Vientiane", "LA", 18.03, 102.79, "VITA Park"),
    ("dhaka-savar", "Savar", "BD", 23.95, 90.27, "Dhaka Export Processing Zone"),
    ("chattogram-zone", "Chattogram", "BD", 22.29, 91.78,
     "Chattogram Export Processing Zone"),
))

ECONOMIES = tuple(Economy(*row) for row in (
    ("VN", 38, "VND", 0.96, 1.1,
     "pcb cable cable moulding moulding moulding rubber press press packaging packaging machining "
     "magnetics", "Bao Dai Hoa Minh Nam Phu Tan Thanh Viet An Long Son"),
    ("TH", 32, "THB", 1.00, 0.8,
     "cable moulding moulding rubber rubber rubber press press press machining machining "
     "packaging packaging magnetics pcb",
     "Siam Thai Krung Chai Phon Rung Sin Thong Wattana Charoen"),
    ("MY", 18, "MYR", 1.05, 0.8, "pcb cable moulding rubber rubber press machining packaging "
     "magnetics", "Bina Jaya Maju Perak Seri Utama Kinta Delima"),
    ("ID", 14, "IDR", 0.96, 1.2, "cable moulding rubber press packaging machining magnetics",
     "Karya Sinar Mandiri Cipta Prima Surya Abadi"),
    ("PH", 10, "PHP", 1.00, 1.0, "cable cable magnetics pcb moulding",
     "Luz Bayan Mabini Santa Isla Bituin"),
    ("SG", 5, "SGD", 1.30, 0.4, "machining pcb magnetics press", "Straits Orchid Kallang Tanjong"),
    ("CN", 22, "CNY", 0.91, 1.0, "pcb pcb cable moulding press machining magnetics magnetics "
     "packaging", "Hua Xin Jin Tai Yuan Da Feng Shun Heng"),
    ("TW", 10, "TWD", 1.10, 0.4, "pcb pcb cable machining press magnetics",
     "Chun Kuang Ming Tung Yi Hsin"),
    ("KR", 9, "KRW", 1.16, 0.4, "pcb machining press magnetics cable moulding",
     "Dae Han Sung Woo Kyung Seo"),
    ("JP", 8, "JPY", 1.28, 0.2, "machining machining press magnetics rubber pcb",
     "Asahi Nishi Yama Kita Maru Shin"),
    ("IN", 11, "INR", 0.90, 1.4, "machining machining press rubber cable packaging magnetics",
     "Shakti Vijay Lakshmi Bharat Surya Deccan"),
    ("KH", 5, "USD", 0.94, 1.8, "cable cable packaging moulding", "Angkor Mekong Tonle Bayon"),
    ("LA", 4, "USD", 0.95, 1.8, "cable cable magnetics packaging", "Lane Xang Champa Mekong Vieng"),
    ("BD", 4, "BDT", 0.88, 1.8, "packaging packaging rubber cable", "Padma Meghna Sonar Jamuna"),
))
"""The number of suppliers is 190 in all, in 14 economies."""

FAMILIES = {
    # family: (what it is called in a firm's name, its machine, usual defect rate in ppm, days)
    "pcb": ("Circuit", "SMT line", 180, 24),
    "cable": ("Wire", "assembly bench", 220, 18),
    "magnetics": ("Magnetics", "winding machine", 260, 22),
    "moulding": ("Plastics", "injection press", 320, 21),
    "rubber": ("Rubber", "curing press", 380, 20),
    "press": ("Metal", "stamping press", 260, 17),
    "machining": ("Precision", "machining centre", 210, 26),
    "packaging": ("Packaging", "converting line", 500, 11),
}

# What the components below write for a standard.
SHORT = {
    "9": "ISO 9001", "14": "ISO 14001", "A": "IATF 16949", "I": "IPC-A-610", "R": "RoHS",
    "E": "REACH", "Q": "QC 080000", "S": "SA 8000", "27": "ISO/IEC 27001", "U": "UL",
    "F": "Seaboard SQ-1",
}

# Share of suppliers that hold a standard, by size class from micro to large.
HELD = {
    "ISO 9001": (0.65, 0.9, 0.98, 1.0), "ISO 14001": (0.1, 0.3, 0.6, 0.85),
    "IATF 16949": (0.12, 0.5, 0.8, 0.95), "IPC-A-610": (0.5, 0.8, 0.95, 1.0),
    "RoHS": (0.75, 0.92, 0.97, 1.0), "REACH": (0.4, 0.7, 0.9, 0.95),
    "QC 080000": (0.1, 0.35, 0.6, 0.85), "SA 8000": (0.1, 0.2, 0.35, 0.5),
    "ISO/IEC 27001": (0.08, 0.3, 0.6, 0.85), "UL": (0.4, 0.7, 0.9, 0.95),
    "Seaboard SQ-1": (0.05, 0.4, 0.65, 0.85),
}
# Standards that only these families are asked for.
ONLY = {
    "IATF 16949": ("pcb", "cable", "magnetics", "moulding", "rubber", "press", "machining"),
    "IPC-A-610": ("pcb",), "QC 080000": ("pcb", "cable", "magnetics"),
    "ISO/IEC 27001": ("pcb", "machining"), "UL": ("pcb", "cable", "magnetics", "moulding"),
    "Seaboard SQ-1": ("cable", "magnetics", "rubber", "press"),
    "SA 8000": ("packaging", "cable"), "RoHS": tuple(f for f in FAMILIES if f != "packaging"),
}
BODIES = ("Bureau Lotus Certification", "Meridian Assurance", "Straits Register")

COMPONENTS = tuple(Component(*row) for row in (
    # component, name, hs, family, g, cm³, USD, min, units electronics, units cars, standards
    ("pcb-main", "Main circuit board, 6 layers", "853400", "pcb", 38, 55, 2.10, 0.80, 120_000, 0,
     "9 R U"),
    ("pcb-flex", "Flexible circuit board, 2 layers", "853400", "pcb", 6, 14, 0.85, 0.45, 240_000,
     0, "9 R"),
    ("pcba-sensor", "Assembled sensor board", "903190", "pcb", 21, 48, 3.90, 1.60, 60_000, 0,
     "9 I R 27"),
    ("pcba-power", "Assembled power board", "850490", "pcb", 64, 160, 4.60, 1.90, 60_000, 0,
     "9 I R"),
    ("pcba-body-control", "Assembled body-control board", "853710", "pcb", 95, 260, 11.8, 3.10, 0,
     18_000, "A I R"),
    ("pcb-lamp", "Aluminium-core lamp board", "853400", "pcb", 72, 90, 1.75, 0.70, 0, 44_000,
     "9 R"),
    ("usb-connector", "USB-C receptacle", "853669", "cable", 2.2, 4, 0.21, 0.12, 480_000, 0,
     "9 R"),
    ("board-connector", "Board-to-board connector, 40 pins", "853669", "cable", 1.4, 3, 0.17, 0.10,
     600_000, 96_000, "9 R"),
    ("usb-cable", "USB-C cable, 1 m", "854442", "cable", 34, 95, 0.92, 0.75, 120_000, 0, "9 R E"),
    ("antenna-cable", "Coaxial antenna cable", "854420", "cable", 5, 12, 0.38, 0.40, 240_000, 0,
     "9 R"),
    ("battery-harness", "Battery wire harness", "854442", "cable", 12, 30, 0.44, 0.60, 120_000, 0,
     "9 R U"),
    ("door-harness", "Door wire harness", "854430", "cable", 480, 1600, 6.20, 9.50, 0, 24_000,
     "A F"),
    ("engine-harness", "Engine wire harness", "854430", "cable", 1850, 6200, 21.5, 26.0, 0, 9_000,
     "A F"),
    ("sensor-lead", "Wheel-speed sensor lead", "854442", "cable", 85, 210, 1.60, 1.80, 0, 48_000,
     "A"),
    ("sealed-connector", "Sealed connector, 12 pins", "853669", "cable", 18, 44, 0.74, 0.35, 0,
     90_000, "9 R"),
    ("flyback-transformer", "Flyback transformer", "850431", "magnetics", 31, 34, 0.66, 0.90,
     120_000, 0, "9 R U"),
    ("power-inductor", "Power inductor", "850450", "magnetics", 3.1, 3, 0.085, 0.14, 720_000, 0,
     "9 R"),
    ("charging-coil", "Wireless charging coil", "850450", "magnetics", 16, 22, 0.95, 0.80, 120_000,
     0, "9 R"),
    ("speaker-magnet", "Sintered speaker magnet", "850511", "magnetics", 4.5, 4, 0.29, 0.16,
     240_000, 0, "9 E"),
    ("solenoid-coil", "Solenoid coil", "850590", "magnetics", 110, 90, 1.95, 1.40, 0, 36_000, "A"),
    ("ignition-coil", "Ignition coil", "851130", "magnetics", 320, 520, 7.40, 4.20, 0, 16_000,
     "A F"),
    ("ferrite-ring", "Ferrite sensor ring", "850519", "magnetics", 24, 16, 0.41, 0.22, 0, 80_000,
     "9"),
    ("cover-top", "Moulded top cover", "392690", "moulding", 46, 210, 0.62, 0.55, 120_000, 0,
     "9 R"),
    ("cover-bottom", "Moulded bottom cover", "392690", "moulding", 52, 230, 0.58, 0.55, 120_000, 0,
     "9 R"),
    ("light-guide", "Moulded light guide", "392690", "moulding", 3.5, 9, 0.14, 0.20, 240_000, 0,
     "9 R"),
    ("battery-door", "Moulded battery door", "392690", "moulding", 11, 50, 0.19, 0.30, 120_000, 0,
     "9 R"),
    ("reel-hub", "Moulded cable hub", "392690", "moulding", 9, 32, 0.12, 0.22, 120_000, 0, "9"),
    ("air-duct", "Moulded air duct", "870829", "moulding", 310, 3900, 2.35, 1.50, 0, 24_000, "9"),
    ("fuse-box", "Moulded fuse box", "853690", "moulding", 240, 900, 2.90, 1.20, 0, 22_000, "A"),
    ("trim-clip", "Moulded trim clip", "392690", "moulding", 2.6, 9, 0.032, 0.05, 0, 900_000, "9"),
    ("connector-shell", "Moulded connector shell", "854720", "moulding", 7, 18, 0.16, 0.16, 0,
     160_000, "9 U"),
    ("lamp-lens", "Moulded lamp lens", "851290", "moulding", 185, 950, 2.10, 1.30, 0, 30_000, "A"),
    ("key-pad", "Silicone key pad", "401699", "rubber", 9, 20, 0.33, 0.40, 120_000, 0, "9 R"),
    ("case-gasket", "Silicone case gasket", "401693", "rubber", 3, 9, 0.11, 0.20, 240_000, 0,
     "9 R E"),
    ("o-ring", "O-ring, 12 mm", "401693", "rubber", 0.6, 1, 0.021, 0.03, 300_000, 700_000, "9"),
    ("door-seal", "Door rubber seal", "401699", "rubber", 880, 7800, 4.30, 2.40, 0, 24_000, "A"),
    ("radiator-hose", "Radiator hose", "400932", "rubber", 420, 2300, 3.10, 1.90, 0, 18_000, "A"),
    ("engine-mount", "Engine mount bushing", "870899", "rubber", 690, 780, 3.60, 1.60, 0, 26_000,
     "A"),
    ("cable-grommet", "Cable grommet", "401699", "rubber", 8, 24, 0.075, 0.09, 0, 260_000, "9"),
    ("shield-can", "Stamped shield can", "732690", "press", 2.8, 6, 0.060, 0.04, 480_000, 0,
     "9 R"),
    ("cover-bracket", "Stamped cover bracket", "732690", "press", 14, 20, 0.13, 0.07, 240_000, 0,
     "9 R"),
    ("contact-spring", "Battery contact spring", "732020", "press", 1.1, 2, 0.024, 0.02, 960_000,
     0, "9 R"),
    ("screw-m2", "Screw M2 × 5", "731815", "press", 0.35, 0.2, 0.0075, 0.006, 2_400_000, 0, "9"),
    ("bolt-m8", "Flange bolt M8 × 25", "731815", "press", 17, 6, 0.070, 0.03, 0, 800_000, "9"),
    ("seat-bracket", "Stamped seat bracket", "940199", "press", 560, 900, 1.95, 0.60, 0, 36_000,
     "A"),
    ("engine-bracket", "Stamped engine bracket", "870899", "press", 840, 1300, 2.80, 0.80, 0,
     24_000, "A"),
    ("valve-spring", "Valve spring", "732020", "press", 62, 60, 0.52, 0.20, 0, 150_000, "A"),
    ("heat-shield", "Exhaust heat shield", "870892", "press", 430, 3600, 2.20, 0.70, 0, 20_000,
     "9"),
    ("brake-pad", "Brake pad set", "870830", "press", 1450, 900, 8.90, 3.00, 0, 20_000, "A F"),
    ("heat-sink", "Die-cast heat sink", "761699", "machining", 88, 120, 0.84, 0.60, 120_000, 0,
     "9 R"),
    ("hinge-pin", "Turned hinge pin", "831890", "machining", 6, 2, 0.095, 0.12, 240_000, 0, "9"),
    ("camera-ring", "Turned camera ring", "761699", "machining", 7, 8, 0.55, 0.55, 120_000, 0,
     "9 R 27"),
    ("pump-housing", "Die-cast pump housing", "841391", "machining", 1250, 2100, 7.20, 3.60, 0,
     20_000, "A"),
    ("control-case", "Die-cast control-unit case", "761699", "machining", 410, 900, 3.30, 1.70, 0,
     24_000, "9"),
    ("rotor-shaft", "CNC-machined rotor shaft", "848310", "machining", 760, 180, 5.10, 3.20, 0,
     28_000, "A"),
    ("valve-spool", "CNC-machined valve spool", "848190", "machining", 95, 20, 2.45, 2.10, 0,
     40_000, "A 27"),
    ("bearing-bush", "Sintered bearing bush", "848330", "machining", 38, 12, 0.48, 0.25, 0,
     120_000, "9"),
    ("carton", "Corrugated carton", "481910", "packaging", 320, 1400, 0.52, 0.10, 60_000, 40_000,
     "9"),
    ("gift-box", "Printed gift box", "481920", "packaging", 145, 520, 0.78, 0.20, 120_000, 0,
     "14 S"),
    ("rating-label", "Rating label", "391990", "packaging", 0.9, 1, 0.018, 0.01, 360_000, 240_000,
     "9"),
    ("pet-film", "PET protective film", "392062", "packaging", 3.2, 4, 0.070, 0.03, 240_000, 0,
     "9 E"),
    ("pet-tray", "Thermoformed PET tray", "392390", "packaging", 34, 420, 0.21, 0.08, 120_000, 0,
     "9"),
    ("pe-bag", "Antistatic bag", "392329", "packaging", 5, 8, 0.038, 0.02, 240_000, 120_000, "9"),
    ("manual", "Printed manual", "490199", "packaging", 42, 50, 0.16, 0.05, 120_000, 0, "9"),
    ("foam-insert", "Foam insert", "392190", "packaging", 22, 900, 0.19, 0.07, 60_000, 40_000,
     "9"),
    ("parts-box", "Returnable parts box", "392310", "packaging", 1650, 9800, 5.60, 0.90, 0, 6_000,
     "9"),
))

# Illustrative round figures: worth of one unit in US dollars.
RATES = {
    "BDT": 0.0083, "CNY": 0.14, "IDR": 0.0000625, "INR": 0.012, "JPY": 0.0067, "KRW": 0.00072,
    "MYR": 0.225, "PHP": 0.0175, "SGD": 0.75, "THB": 0.03, "TWD": 0.032, "VND": 0.00004,
}

ASEAN = ("ID", "KH", "LA", "MY", "PH", "SG", "TH", "VN")

# Illustrative duty by HS chapter or heading: (Viet Nam, Thailand) for goods from outside ASEAN.
DUTIES = {
    "": (0.05, 0.05), "39": (0.10, 0.05), "40": (0.05, 0.10), "48": (0.15, 0.05),
    "49": (0.05, 0.00), "73": (0.10, 0.10), "76": (0.10, 0.10), "83": (0.10, 0.10),
    "84": (0.05, 0.05), "8504": (0.05, 0.02), "8505": (0.00, 0.01), "8511": (0.10, 0.10),
    "8512": (0.15, 0.10), "8534": (0.00, 0.00), "8536": (0.05, 0.05), "8537": (0.05, 0.10),
    "8544": (0.05, 0.10), "8547": (0.05, 0.05), "87": (0.15, 0.20), "9031": (0.00, 0.01),
    "94": (0.10, 0.10),
}

# Preferences under agreements of ASEAN with a partner, as a share of the duty above.
PREFERENCES = {"CN": 0.25, "JP": 0.25, "KR": 0.25, "IN": 0.50}
