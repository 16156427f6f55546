//! Starts and joins the processes; terminal and live display.
