"""Draw the README's pictures anew, so that they show what there is.

    python docs/make_images.py          # needs chromium, chromedriver and the extra `test`

The explorer of the ring attractor: the question of the velocity to the right, at a window in which
the bump travels, and a unit that moves it.
"""

import shutil
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.support.ui import Select

from rnn_jax.discovery import discover, find_subject
from rnn_jax.report import write_explorer

IMAGES = Path(__file__).parent / "images"
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1250,1240")


def main() -> None:
    """Discover the ring attractor, open a question, choose a window and a unit, take a picture."""
    dataset = discover(find_subject("ring-attractor")).dataset
    with tempfile.TemporaryDirectory() as place:
        page = Path(place) / "report.html"
        write_explorer(dataset, page)
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or "chromium"
        for flag in (*FLAGS, f"--user-data-dir={place}/profile"):
            options.add_argument(flag)
        driver = shutil.which("chromedriver") or "chromedriver"
        browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
        try:
            browser.get(page.as_uri())
            browser.find_element("xpath", "//button[text()='travel_right']").click()
            slider = "let s = document.getElementById('slider'); s.value = +s.value + 2;"
            browser.execute_script(slider + "s.dispatchEvent(new Event('input'));")
            Select(browser.find_element("id", "unit")).select_by_visible_text("right 12")
            browser.save_screenshot(str(IMAGES / "explorer.png"))
        finally:
            browser.quit()


if __name__ == "__main__":
    main()
