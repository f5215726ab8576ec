"""Two hundred hostile strings, and what a page must show of each."""

import itertools
import unicodedata

_SCRIPTS = (
    "<script>alert(1)</script>", "<ScRiPt src=//evil.example/x.js></sCrIpT>", "</pre><script>alert(1)</script>",
    "</textarea></form><form action=//evil.example>", "<<script>script>alert(1)<</script>/script>",
    "<script\n>alert(1)</script\n>", "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><script>alert(1)</script></template>", "<!--<script>--><script>alert(1)</script>",
    "<title></title><script>alert(1)</script>", "<style>body{display:none}</style>", "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>", "<link rel=stylesheet href=//evil.example/x.css>",
)  # fmt: skip
_TAGS = (
    "img src=x",
    "body",
    "svg",
    "input autofocus",
    "details open",
    "video src=x",
    "iframe srcdoc=x",
    "marquee",
    "math",
    "a href=x",
)
_HANDLERS = ("onerror", "onload", "onfocus", "ontoggle", "onclick", "onmouseover")
_SCHEMES = (
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml;base64,PHN2Zz4=", "vbscript:msgbox(1)", "file:///etc/passwd", "//evil.example/x",
    "https://evil.example/?q=1&r=2", "javascript&colon;alert(1)",
)  # fmt: skip
_CARRIERS = ("[x]({})", "![x]({})", "<{}>", '<a href="{}">x</a>', "[x]: {}\n\n[x]", "<img src='{}'>")
_TEMPLATES = (
    "{{7*7}}", "{% for x in y %}", "{# gone #}", "{{ config }}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "%(x)s {0} {x}",
    "{{ ''.__class__.__mro__ }}", "{{form}}",
)  # fmt: skip
_HIDDEN = (
    *(chr(code) for code in (0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069, 0x200E, 0x200F)),
    *(chr(code) for code in (0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD, 0x180E, 0xE0041, 0xE000, 0x061C)),
    *(chr(code) for code in (0x00, 0x07, 0x08, 0x0B, 0x0C, 0x1B, 0x7F, 0x85, 0x9B)),
)  # fmt: skip
_ANSI = (
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://evil.example\x07x\x1b]8;;\x07",
    "\x1b[2J\x1b[H",
    "\r\x1b[K hidden",
)
_ODD = (
    '" onmouseover="alert(1)" x="', "' onmouseover='alert(1)' x='", "`-alert(1)-`", "]]><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;", "&#60;script&#62;", "&amp;lt;b&amp;gt;", "<b", "<", "&", "</body></html>",
    "```<script>alert(1)</script>\nx\n```", "`<script>alert(1)</script>`", "~~~\n</pre>\n~~~",
    "    <script>indented</script>",
    "| <script>a</script> |\n|-|\n| <img src=x onerror=a> |", "> <svg onload=a>", "# <script>heading</script>",
    "- <iframe src=x>", "**<script>bold</script>**", "ﷺ" * 50, "Z" + "\u0301" * 200,
)  # fmt: skip


def hostile() -> list[str]:
    """More than 200 strings, each with a mark of its own by which it can be found."""
    handlers = [f"<{tag} {on}=alert(1)>" for tag, on in itertools.product(_TAGS, _HANDLERS)]
    links = [carrier.format(scheme) for carrier, scheme in itertools.product(_CARRIERS, _SCHEMES)]
    hidden = [f"a{character}b" for character in _HIDDEN]
    found = [
        *_SCRIPTS,
        *handlers,
        *links,
        *_TEMPLATES,
        *hidden,
        *_ANSI,
        *_ODD,
        "x" * 1_000_000,
        "<b>" * 330_000,
    ]
    return [f"{text}\n\nmark{number:03d}" for number, text in enumerate(found)]


def as_seen(text: str) -> str:
    """How a text must read on a page, white space aside."""
    shown = "".join(
        f"⟨U+{ord(c):04X}⟩" if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs") and c not in "\n\t" else c
        for c in text.replace("\r\n", "\n")
    )
    return "".join(shown.split())
