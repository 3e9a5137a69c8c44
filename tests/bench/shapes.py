"""What the packages of a synthetic catalog say in their manifests: like those of today, and no kinder.

Constraints name patch levels and backports, and follow one another in stages of time, as format versions do. A few names
ask for a version of the agent, some for capabilities. Content packages say what they are for (`discovery`), new ones what
they need (`requires`), and some names are deprecated.
"""

import random

CAPABILITIES = ("security", "observability", "apm", "enterprise_search", "serverless_search", "uptime")
CATEGORIES = (
    "security", "observability", "custom", "edr_xdr", "opentelemetry", "monitoring", "custom_logs", "web", "cloud",
    "network", "os_system", "aws", "network_security", "advanced_analytics_ueba", "iam", "cloudsecurity_cdr",
    "kubernetes", "containers", "connector", "enterprise_search", "vulnerability_management", "elastic_stack", "azure",
    "google_cloud", "threat_intel", "datastore", "message_queue", "email_security",
)
AGENTS = ("^8.8.0", "^8.9.0", "^9.1.0", ">=8.0.0", "^8.2.0 || 9.0.0")
FIELDS = ("process.pid", "process.name", "host.os.type", "url.domain", "event.category", "k8s.pod.uid")
DATASETS = ("nginx.access", "nginx.error", "apache.access", "system.syslog", "kubernetes.pod", "aws.ec2_logs")
PRERELEASES = ("-beta.1", "-beta.2", "-rc.3", "-prerelease.{}", "-next")

# The stages: until which age of the registry (0 to 1), with which formats, under which constraints. `p` stands for a patch
# level of its own each time, a list for one of its minor versions.
STAGES = (
    (0.16, ("1.0.0", "1.0.0", "2.0.0", "2.2.0"),
     ("^7.16.0 || ^8.0.0", "^7.17.p || ^8.0.0", "^8.0.0", "^8.2.p", "^8.3.p", "^8.5.p", "")),
    (0.32, ("2.6.0", "2.8.0", "2.10.0", "3.0.0"), ("^8.[7,8,9,10,11,12,13].p",)),
    (0.48, ("3.0.0", "3.0.0", "3.0.2", "3.0.3", "3.1.3", "3.1.4", "3.1.5"), ("^8.[13,14,15,16].p", "^8.[13,14,15,16].p", "^8.13")),
    (0.68, ("3.0.2", "3.0.3", "3.1.5", "3.2.0", "3.3.0", "3.3.2"), ("^8.[10,13,14,15,16,17,18].p || ^9.0.p",)),
    (0.84, ("3.3.2", "3.3.5", "3.4.0", "3.4.1", "3.5.0"),
     ("^8.19.p || ^9.1.p", "^8.19.p || ~9.0.p || ^9.1.p", "~8.18.p || ^8.19.p || ~9.0.p || ^9.1.p")),
    (1.00, ("3.5.0", "3.5.4", "3.6.0", "3.6.2"),
     ("^9.[2,3,4].p", "^9.[2,3,4].p", "^8.19.p || ^9.[2,3].p", "^9.5.0", "^9.6.0")),
)
# The format that comes next, and the age at which the first packages have it.
NEXT_FORMAT = ("3.7.0", 0.97)
# Names of each type, by weight; the two newer types are no older than their formats.
TYPES = {"integration": (20, 0.0), "input": (8, 0.2), "content": (6, 0.4)}


def stage_of(age):
    return next((number for number, stage in enumerate(STAGES) if age <= stage[0]), len(STAGES) - 1)


def constraint(rng, pattern):
    """Puts minor versions and patch levels into a pattern."""
    head, bracket, tail = pattern.partition("[")
    if bracket:
        minors, _, tail = tail.partition("]")
        pattern = head + rng.choice(minors.split(",")) + tail
    while ".p" in pattern:
        pattern = pattern.replace(".p", f".{rng.randint(0, 8)}", 1)
    return pattern


class Shape:
    """What the versions of one name have in common, and how their conditions change in the course of time.

    Everything depends on the number of the name and on the order of calls of `next`, which goes through the versions.
    """

    def __init__(self, number):
        self.rng = rng = random.Random(f"shape/{number}")
        self.number = number
        self.kind = rng.choices(list(TYPES), [weight for weight, _ in TYPES.values()])[0]
        # Where in the course of time a name begins and ends: few are as old as the registry, half are still worked on.
        self.begin = max(rng.random() * 0.6, TYPES[self.kind][1])
        self.end = 1.0 if rng.random() < 0.5 else self.begin + (1 - self.begin) * rng.random()
        self.categories = rng.sample(CATEGORIES, rng.choice((1, 2, 2, 3)))
        self.capabilities = self.pick_capabilities()
        self.agent = rng.choice(AGENTS) if rng.random() < 0.025 else None
        self.subscription = rng.choices(("basic", "platinum", "enterprise", None), (49, 2, 1, 10))[0]
        self.spelling = rng.choices(("nested", "dotted", "beside"), (6, 3, 1))[0]
        self.templates = self.pick_templates()
        self.discovery = rng.choice(("fields", "datasets", "both", "empty")) if self.kind == "content" else None
        self.deprecated_from = rng.uniform(0.5, 1.0) if rng.random() < 0.03 else 2.0
        self.stage, self.constraint = -1, ""

    def pick_capabilities(self):
        pick = self.rng.random()
        if pick < 0.66:
            return []
        if pick < 0.92:
            return ["security"]
        if pick < 0.95:
            return ["observability", "security"]
        return self.rng.sample(CAPABILITIES, self.rng.randint(1, 3))

    def pick_templates(self):
        """Names of the policy templates, each with categories of its own or none."""
        count = 0 if self.kind == "content" else 1 if self.kind == "input" else self.rng.choice((1, 1, 1, 2, 3, 5))
        own = lambda: self.rng.sample(CATEGORIES, self.rng.randint(1, 2)) if count > 1 and self.rng.random() < 0.5 else []
        return [(f"template_{position}", own()) for position in range(count)]

    def next(self, age):
        """Goes on to the next version, of this age, and draws its format and conditions."""
        rng, stage = self.rng, max(stage_of(age), 2 if self.kind == "content" else 0)
        if stage != self.stage or rng.random() < 0.1:
            pattern = rng.choice(STAGES[stage][2]) if rng.random() > 0.02 else ""
            self.stage, self.constraint = stage, constraint(rng, pattern)
            self.format = rng.choice(STAGES[stage][1])
        name, from_age = NEXT_FORMAT
        self.format = name if age >= from_age and rng.random() < 0.3 else self.format

    @property
    def is_old_format(self):
        return tuple(map(int, self.format.split("."))) < (2, 3, 0)

    def head(self, name, version, age, description):
        text = (
            f'format_version: "{self.format}"\nname: {name}\ntitle: Synthetic {self.number}\nversion: {version}\n'
            f"description: {description}\ntype: {self.kind}\ncategories:\n"
            + "".join(f"  - {category}\n" for category in self.categories)
        )
        if self.is_old_format:
            release = random.Random(f"release/{self.number}/{version}").choices(("ga", "beta", "experimental"), (12, 3, 2))[0]
            text += f"license: basic\nrelease: {release}\n"
        else:
            text += 'source:\n  license: "Elastic-2.0"\n'
        return text + self.conditions() + self.relations(version, age)

    def conditions(self):
        """The conditions in the spelling of the name: nested, dotted, or nested beside dotted."""
        kibana = f'kibana.version: "{self.constraint}"' if self.constraint else ""
        agent = f'agent.version: "{self.agent}"' if self.agent else ""
        elastic = [f"subscription: {self.subscription}"] if self.subscription and not self.is_old_format else []
        elastic += [f"capabilities: [{', '.join(self.capabilities)}]"] if self.capabilities else []
        dotted = [line for line in (kibana, agent) if line]
        if self.spelling == "dotted":
            return "".join(f"conditions.{line}\n" for line in dotted + [f"elastic.{line}" for line in elastic])
        nested = "".join("  elastic:\n" + "".join(f"    {line}\n" for line in elastic) if elastic else "")
        if self.spelling == "beside":
            return "".join(f"conditions.{line}\n" for line in dotted) + (f"conditions:\n{nested}" if nested else "")
        nested += "".join("  {}:\n    {}\n".format(*line.split(".", 1)) for line in dotted)
        return f"conditions:\n{nested}" if nested else ""

    def relations(self, version, age):
        """`discovery`, `requires` and `deprecated`."""
        rng, text = random.Random(f"relations/{self.number}"), ""
        lists = {"fields": FIELDS, "datasets": DATASETS}
        if self.discovery:
            text += "discovery:\n"
            for key, values in lists.items():
                if self.discovery in (key, "both"):
                    text += f"  {key}:\n" + "".join(f"    - name: {value}\n" for value in rng.sample(values, rng.randint(1, 3)))
                else:
                    text += f"  {key}: []\n" if self.discovery == "empty" else ""
        if self.format >= "3.6" and rng.random() < 0.2:
            text += "requires:\n"
            for key in rng.choice((("content",), ("input",), ("input", "content"))):
                text += f'  {key}:\n    - package: synthetic_{rng.randrange(600):05}\n      version: "1.{rng.randrange(9)}.0"\n'
        if age >= self.deprecated_from:
            text += f'deprecated:\n  since: "{version}"\n  description: Synthetic {self.number} is no longer maintained.\n'
            if rng.random() < 0.5:
                text += f"  replaced_by:\n    package: synthetic_{rng.randrange(600):05}\n"
        return text

    def policy_templates(self, name):
        text = "policy_templates:\n" if self.templates else ""
        for position, (template, categories) in enumerate(self.templates):
            text += f"  - name: {template}\n    title: Logs {position}\n    description: Collect logs {position}\n"
            text += f"    categories: [{', '.join(categories)}]\n" if categories else ""
            if self.number % 9 == 4 and not self.is_old_format:
                text += "    deployment_modes:\n      default:\n        enabled: true\n      agentless:\n        enabled: true\n"
            if self.kind == "input":
                text += (
                    "    type: logs\n    input: httpjson\n    template_path: input.yml.hbs\n    vars:\n      - name: url\n"
                    "        type: url\n        title: Address\n        required: true\n        show_user: true\n"
                )
            else:
                text += (
                    "    inputs:\n      - type: filestream\n        title: Collect files\n"
                    f"        description: Reads lines of {name} as they come\n"
                )
        return text


def versions_of(number, count):
    """Version numbers in order: mostly minor ones, now and then a patch, a major, or (2 %) a pre-release."""
    rng = random.Random(f"versions/{number}")
    major, minor, patch = (0, 1, 0) if number % 6 == 5 else (1, 0, 0)
    for position in range(count):
        pick = rng.random()
        if position and pick < 0.25:
            patch += 1
        elif position and pick < 0.29:
            major, minor, patch = major + 1, 0, 0
        elif position:
            minor, patch = minor + 1, 0
        suffix = rng.choice(PRERELEASES).format(rng.randint(1, 12)) if rng.random() < 0.02 else ""
        yield f"{major}.{minor}.{patch}{suffix}"
