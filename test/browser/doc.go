// Package browser looks at the status page with headless Chromium. It is a
// module of its own, so that the program does not depend on a browser driver.
package browser
