"""A real Chromium, Debian's, driven by its chromedriver. One browser for all tests of a run."""

import shutil
from contextlib import contextmanager
from pathlib import Path

import axe_core_python
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

AXE = Path(axe_core_python.__file__).parent / "axe.min.js"
# What WCAG 2.1 asks for, level A and AA, and what axe calls best practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
FOCUSABLE = "a[href],button:not([hidden]),input,summary,[tabindex='0']"


@contextmanager
def chromium():
    chrome, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chrome and driver, "needs chromium and chromium-driver (scripts/setup --tests)"
    options = Options()
    options.binary_location = chrome
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--hide-scrollbars",
        "--force-device-scale-factor=1",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        browser.set_page_load_timeout(60)
        yield browser
    finally:
        browser.quit()


def emulate(browser, width=1280, height=900, dark=False):
    """A screen of this size, also one that no window would be as narrow as."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
    scheme = "dark" if dark else "light"
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )


def allow_scripts(browser, allowed):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not allowed})


def complaints(browser):
    """What the browser's console said since the last call."""
    return [entry["message"] for entry in browser.get_log("browser")]


def violations(browser):
    """[(rule, what, element)] of axe-core."""
    browser.execute_script(AXE.read_text("utf-8"))
    found = browser.execute_async_script(
        "var done=arguments[arguments.length-1];"
        "axe.run({runOnly:{type:'tag',values:arguments[0]}}).then(function(r){done(r.violations)})",
        RULES,
    )
    return [
        (rule["id"], rule["help"], node["html"][:200]) for rule in found for node in rule["nodes"]
    ]


def screenshot(browser, path):
    """The whole page, not only the window."""
    size = browser.execute_script(
        "var d=document.documentElement;return [d.clientWidth,d.scrollHeight]"
    )
    emulated = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", emulated)
    browser.save_screenshot(str(path))
