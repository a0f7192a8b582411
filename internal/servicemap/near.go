package servicemap

import (
	"math"
	"strconv"
	"strings"

	"github.com/waystation/waystation/internal/fault"
)

// earthRadius is the mean radius in kilometres, as in the SQL function distance_km.
const earthRadius = 6371.0088

// point is a place on the globe, in degrees of WGS 84.
type point struct{ latitude, longitude float64 }

// parsePoint reads "latitude,longitude".
func parsePoint(text string) (p point, err error) {
	latitude, longitude, _ := strings.Cut(text, ",")
	var bad [2]error
	p.latitude, bad[0] = strconv.ParseFloat(latitude, 64)
	p.longitude, bad[1] = strconv.ParseFloat(longitude, 64)
	if bad[0] != nil || bad[1] != nil || math.Abs(p.latitude) > 90 || math.Abs(p.longitude) > 180 {
		return p, unplaced("near", "invalid_coordinates", "Latitude from -90 to 90, longitude from -180 to 180, such as 16.97,7.99.")
	}
	return p, nil
}

func unplaced(parameter, code, detail string) error {
	return fault.New(fault.Malformed, code, "These parameters do not name a place to search from.").Add(parameter, code, detail)
}

// box are the ranges in which every place within a distance lies. Across the 180th meridian there are two
// ranges of longitudes, elsewhere twice the same.
type box struct {
	south, north           float64
	west, east             float64
	beyondWest, beyondEast float64
}

// within returns the box around p; near a pole it holds every longitude.
func (p point) within(km float64) box {
	angle := km / earthRadius
	degrees := angle * 180 / math.Pi
	b := box{south: p.latitude - degrees, north: p.latitude + degrees, west: -180, east: 180, beyondWest: -180, beyondEast: 180}
	if b.south <= -90 || b.north >= 90 {
		return b
	}
	wide := math.Asin(math.Sin(angle)/math.Cos(p.latitude*math.Pi/180)) * 180 / math.Pi
	b.west, b.east = p.longitude-wide, p.longitude+wide
	b.beyondWest, b.beyondEast = b.west, b.east
	if b.west < -180 {
		b.beyondWest, b.beyondEast = b.west+360, 180
	}
	if b.east > 180 {
		b.beyondWest, b.beyondEast = -180, b.east-360
	}
	return b
}
