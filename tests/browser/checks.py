"""What has to be true of a page. Each check returns what is not."""

import re
import xml.etree.ElementTree

# The least contrast of text, by WCAG 2.2, 1.4.3 (AA).
CONTRAST = 4.5

# Text whose contrast with what is behind it is too low. In pictures of builds, what is behind is the card around them.
LOW_CONTRAST = """
(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) || []).map(Number);
  const light = (color) => {
    const [r, g, b] = parse(color).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      const parts = parse(color);
      if (parts.length === 3 || parts[3] === 1) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const low = new Set();
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const is_text = !element.closest('svg') || element.closest('text');
    if (!own || !is_text || !element.getClientRects().length || element.closest('style')) continue;
    const style = getComputedStyle(element);
    const color = element.closest('svg') ? style.fill : style.color;
    const [a, b] = [light(color), light(ground(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < %s) low.add(`${element.tagName}.${element.getAttribute('class')} ${color} on ${ground(element)}: ${ratio.toFixed(2)}`);
  }
  return [...low];
})()
""" % CONTRAST


def every_page(page, title, about):
    problems = page.trouble()
    found = page.evaluate("document.title")
    if title is not None and not found.startswith(title):
        problems.append(f"the title is {found!r}, not {title!r}")
    if "owned" == found:
        problems.append("a script in a name was run")
    if page.evaluate("document.scripts.length + document.images.length"):
        problems.append("a name became an element")
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > page.width:
        problems.append(f"it is {wide} px wide on a screen of {page.width}")
    low = page.evaluate(LOW_CONTRAST)
    problems += [f"low contrast: {text}" for text in low]
    doubled = page.evaluate(
        "[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, n, all) => all.indexOf(id) !== n)"
    )
    problems += [f"two elements have the id {id}" for id in doubled]
    roles = [role for role, *_ in page.accessible()]
    if roles.count("main") != 1:
        problems.append("there is no main landmark, or more than one")
    if page.evaluate("document.querySelectorAll('h1').length") != 1:
        problems.append("there is no heading of the first level, or more than one")
    return problems


def jobs(page, jobs):
    """Every job has a bar with a name and a state, a link to its row, and a row with both and its agent."""
    problems = []
    seen = page.accessible()
    of_role = lambda *wanted: [entry for entry in seen if entry[0] in wanted]
    bars, links, rows = of_role("image", "img"), of_role("link"), of_role("row")
    for job in jobs:
        name = shown(job["name"])
        attempt = "" if job["attempt"] == 1 else f" (attempt {job['attempt']})"
        title = name + attempt
        # Parallel jobs say which they are.
        pattern = re.compile(re.escape(name) + r"( \d+ of \d+)?" + re.escape(attempt))
        state = job["state"].replace("_", " ")
        soft = job["soft_failed"] and job["state"] == "failed"
        said = f": {'soft ' if soft else ''}{state}"
        if not any(re.match(pattern.pattern + re.escape(said), bar[1]) for bar in bars):
            problems.append(f"no bar is called {title + said!r}")
        if not any(job["id"] in bar[2] for bar in bars):
            problems.append(f"no bar is described with the id of {title!r}")
        if not any(pattern.fullmatch(link[1]) for link in links):
            problems.append(f"no link is called {title!r}")
        if not any(name in row[3] and state in row[3] and job["id"] in row[3] for row in rows):
            problems.append(f"no row has {title!r}, {state} and {job['id']}")
        agent = shown(job["agent"] or "")
        if not any(agent in row[3] and job["id"] in row[3] for row in rows):
            problems.append(f"no row has {job['id']} and its agent {agent!r}")
    # Annotations can have tables, too.
    of_annotations = page.evaluate("document.querySelectorAll('.annotation tr').length")
    if jobs and len(rows) - of_annotations != len(jobs) + 1:
        problems.append(f"{len(rows)} rows for {len(jobs)} jobs and a heading")
    return problems


def anchor(page, job):
    """The fragment of a job's `web_url` leads to its row, and the link in there opens its log."""
    problems = []
    if page.evaluate("document.querySelector('tr:target')?.id") != job["id"]:
        problems.append(f"#{job['id']} does not lead to its row")
    log = f"log-{job['id']}"
    if page.evaluate(f"document.getElementById('{log}') !== null"):
        is_open = f"(location.hash = '{log}', document.getElementById('{log}').closest('details'))"
        page.evaluate(is_open + " && 0")
        if not page.evaluate(f"document.getElementById('{log}').closest('details').open"):
            problems.append(f"#{log} does not open the log")
    return problems


def picture(svg, jobs):
    """A picture that stands alone is XML, and has nothing in it that runs, or is elsewhere."""
    problems = []
    tree = xml.etree.ElementTree.fromstring(svg)
    for element in tree.iter():
        name = element.tag.rpartition("}")[2]
        if name in ("script", "image", "foreignObject", "link"):
            problems.append(f"there is a {name} element in the picture")
        for attribute, value in element.attrib.items():
            if attribute.startswith("on") or (attribute == "href" and not value.startswith("/")):
                problems.append(f"there is {attribute}={value!r} in the picture")
    titles = [element.text for element in tree.iter() if element.tag.endswith("title")]
    missing = [job["id"] for job in jobs if not any(job["id"] in title for title in titles)]
    return problems + [f"no bar of the picture has the id {id}" for id in missing]


def builds(page, builds):
    """Every build of a pipeline has a row with a link."""
    links = [name for role, name, *_ in page.accessible() if role == "link"]
    numbers = [build["title"].partition("#")[2] for build in builds]
    return [f"no link is called #{number}" for number in numbers if f"#{number}" not in links]


def shown(name):
    """A name as pages show it: what would turn the text around is replaced."""
    return name.replace("\u202e", "\ufffd")
