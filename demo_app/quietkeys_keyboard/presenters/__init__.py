"""What the screens show and what their buttons do, without Kivy: plain objects with plain tests."""
