"""A headless browser for tests of the explorer, and what they do with a page."""

import os
import shutil

import pytest

HOSTILE = '</script><b id="harm">ring</b>'
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1280,1400",
)  # fmt: skip

needed = pytest.mark.skipif(
    not (BROWSER and DRIVER) and "CI" not in os.environ,
    reason="chromium and chromedriver are not installed",
)


def start(profile):
    """A browser whose console is kept; the caller quits it."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or "chromium"
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(DRIVER or "chromedriver"))


def find(page, name):
    return page.find_element("id", name)


def chosen(page):
    body = page.find_element("tag name", "body")
    return int(body.get_attribute("data-window")), int(body.get_attribute("data-unit"))


def click(page, name, x, y):
    """Click a canvas at a place in its own pixels, from its top left."""
    from selenium.webdriver import ActionChains

    canvas = find(page, name)
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    width, height = canvas.size["width"], canvas.size["height"]
    # Selenium counts from an element's middle.
    ActionChains(page).move_to_element_with_offset(
        canvas, round(x - width / 2), round(y - height / 2)
    ).click().perform()


def picture(page, name):
    return page.execute_script("return document.getElementById(arguments[0]).toDataURL()", name)
