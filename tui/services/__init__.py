"""Services of the running application that draw nothing."""
