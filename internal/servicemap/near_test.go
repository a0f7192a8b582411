package servicemap

import "testing"

func TestWithin_TheBoxHoldsTheCircle(t *testing.T) {
	for _, c := range []struct {
		at   point
		km   float64
		want box
	}{
		{point{0, 0}, 111.19508, box{-1, 1, -1, 1, -1, 1}},
		{point{60, 10}, 111.19508, box{59, 61, 8, 12, 8, 12}},
		{point{0, 179.5}, 111.19508, box{-1, 1, 178.5, 180.5, -180, -179.5}},
		{point{0, -179.5}, 111.19508, box{-1, 1, -180.5, -178.5, 179.5, 180}},
		{point{89.5, 10}, 111.19508, box{88.5, 90.5, -180, 180, -180, 180}},
	} {
		got := c.at.within(c.km)
		for i, pair := range [][2]float64{{got.south, c.want.south}, {got.north, c.want.north}, {got.west, c.want.west}, {got.east, c.want.east},
			{got.beyondWest, c.want.beyondWest}, {got.beyondEast, c.want.beyondEast}} {
			if d := pair[0] - pair[1]; d > 0.001 || d < -0.001 {
				t.Errorf("%v within %v km: side %d is %v, want %v", c.at, c.km, i, pair[0], pair[1])
			}
		}
	}
}
