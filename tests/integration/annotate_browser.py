"""Debian's chromium without a window, and what a test asks of it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PHONE = (390, 844)
DESKTOP = (1280, 900)


class Browser:
    """One browser of one person."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, address: str) -> None:
        self.driver.get(address)

    def press(self, *keys: str) -> None:
        """Keys, each to whatever has the focus."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def answer(self, *keys: str) -> None:
        """Keys of which the last one leads to another page."""
        with self.next_page():
            self.press(*keys)

    @contextmanager
    def next_page(self) -> Iterator[None]:
        """What is done in here leads to another page; waits until it is there."""
        before = self.one("html")
        yield
        WebDriverWait(self.driver, 60, 0.02).until(lambda _: self._gone(before))
        WebDriverWait(self.driver, 60, 0.02).until(
            lambda d: d.execute_script("return document.readyState") == "complete"
        )

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def has(self, selector: str) -> bool:
        return bool(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def text(self, selector: str = "body") -> str:
        return self.one(selector).text

    def shown(self) -> str:
        """Which pair is in front of the person."""
        return self.one("input[name=pair]").get_attribute("value") or ""

    def close_tab(self) -> None:
        """Close the page; a new, empty one takes its place."""
        old = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        new = self.driver.current_window_handle
        self.driver.switch_to.window(old)
        self.driver.close()
        self.driver.switch_to.window(new)

    def resize(self, width: int, height: int) -> None:
        """The size of the page itself; phones are narrower than a window may be."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def overflow(self) -> int:
        """Pixels by which the page is wider than what shows it."""
        script = "const e = document.documentElement; return e.scrollWidth - e.clientWidth"
        return int(self.driver.execute_script(script))

    def complaints(self) -> list[str]:
        """What the console says since it was last asked: errors, refusals by the policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    @staticmethod
    def _gone(element: WebElement) -> bool:
        from selenium.common.exceptions import WebDriverException

        try:
            element.is_enabled()
        except WebDriverException:
            return True
        return False


@contextmanager
def browser(size: tuple[int, int] = DESKTOP) -> Iterator[Browser]:
    """A browser that nobody has used."""
    profile = tempfile.mkdtemp(prefix="annotate-browser-")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for line in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--no-first-run", "--disable-background-networking", f"--user-data-dir={profile}",
                 f"--window-size={size[0]},{size[1]}"):  # fmt: skip
        options.add_argument(line)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)


ESCAPE = Keys.ESCAPE
