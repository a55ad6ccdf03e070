package chrome

import (
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// actions make the tab look as l describes.
func (l Look) actions() []chromedp.Action {
	scheme := "light"
	if l.Dark {
		scheme = "dark"
	}
	phone := l.Width < 600
	opts := []chromedp.EmulateViewportOption{chromedp.EmulateScale(1)}
	if phone {
		opts = []chromedp.EmulateViewportOption{chromedp.EmulateScale(2), chromedp.EmulateMobile}
	}
	return []chromedp.Action{
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		chromedp.EmulateViewport(int64(l.Width), int64(l.Height), opts...),
	}
}
