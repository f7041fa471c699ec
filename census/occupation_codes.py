"""Two hand-made maps from Census-2010 occupation codes to SOC 2018, used by rebuild.py.

They are judgements, not published tables: review them as such. Both follow the
order of the Census-2010 occupation list, whose code ranges mirror the SOC major
groups, and place the few codes that moved where SOC 2018 (and so OEWS) has them.
"""

# (first code, last code, SOC major group). Military codes (9800 and up) have none.
MAJOR_GROUP_RANGES = [
    (10, 430, 11),
    (500, 950, 13),
    (1000, 1240, 15),
    (1300, 1560, 17),
    (1600, 1965, 19),
    (2000, 2060, 21),
    (2100, 2160, 23),
    (2200, 2550, 25),
    (2600, 2960, 27),
    (3000, 3540, 29),
    (3600, 3655, 31),
    (3700, 3955, 33),
    (4000, 4150, 35),
    (4200, 4250, 37),
    (4300, 4650, 39),
    (4700, 4965, 41),
    (5000, 5940, 43),
    (6000, 6130, 45),
    (6200, 6940, 47),
    (7000, 7630, 49),
    (7700, 8965, 51),
    (9000, 9750, 53),
]

# Codes whose major group differs from their range: personal care aides are
# healthcare support (31), stock clerks are material moving (53) in SOC 2018.
MOVED_MAJOR_GROUP = {4610: 31, 5620: 53}

# Codes whose Census title has no identical OEWS title: the nearest OEWS row.
NEAREST_OEWS_ROW = {
    10: "11-1011",  # chief executives and legislators
    50: "11-2020",  # marketing and sales managers
    430: "11-9199",  # managers, all other
    530: "13-1020",  # purchasing agents
    740: "13-1199",  # business operations specialists, all other
    1020: "15-1252",  # software developers
    1550: "17-3020",  # engineering technicians
    2000: "21-1010",  # counselors
    2010: "21-1020",  # social workers
    2100: "23-1011",  # lawyers
    2160: "23-2090",  # miscellaneous legal support workers
    2200: "25-1000",  # postsecondary teachers
    2340: "25-3000",  # other teachers and instructors
    2540: "25-9040",  # teaching assistants
    2630: "27-1020",  # designers
    3060: "29-1210",  # physicians and surgeons
    3320: "29-2030",  # diagnostic technologists
    3420: "29-2050",  # health practitioner support technologists
    3600: "31-1130",  # nursing aides
    3800: "33-3010",  # bailiffs, correctional officers, jailers
    3850: "33-3050",  # police officers
    3930: "33-9030",  # security guards
    4050: "35-3023",  # counter attendants, fast food
    4220: "37-2011",  # janitors
    4250: "37-3010",  # grounds maintenance workers
    4610: "31-1120",  # personal care aides
    4620: "39-9030",  # recreation and fitness workers
    5620: "53-7065",  # stock clerks
    5700: "43-6010",  # secretaries and administrative assistants
    6050: "45-2090",  # agricultural workers, other
    6320: "47-2070",  # construction equipment operators
    6420: "47-2140",  # painters and paperhangers
    6440: "47-2150",  # pipelayers, plumbers
    7330: "49-9040",  # industrial machinery mechanics
    7750: "51-2090",  # assemblers and fabricators
    8965: "51-9199",  # production workers, all other
    9120: "53-3050",  # bus drivers
    9140: "53-3054",  # taxi drivers
}
